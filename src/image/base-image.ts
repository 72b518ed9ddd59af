import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Context, inPhase } from '../base/context.ts'
import { DatapipeError, describeError } from '../base/errors.ts'
import { runTool } from '../clients/exec.ts'
import { cacheDirectory } from '../stack/embedded/cache.ts'
import { findOnPath } from '../stack/embedded/programs.ts'
import { withLock } from '../stack/embedded/with-lock.ts'
import { type DebianRelease, debianMirror, debianSources } from './debian-sources.ts'
import { docker, imageId } from './docker.ts'
import { aptSources } from './host-settings.ts'

/** A base made by debootstrap is used again for so long: packages age. */
const cacheDays = 30

/**
 * `debian:<release>-slim` for a build: the image that is there, else the one pulled, else one that debootstrap makes from Debian's
 * packages (root, and debootstrap on PATH or DATAPIPE_INSTALL=1). Returns the reference. Processes that want the same one at once wait
 * for the first. Throws `tool-failed` or `programs-missing` with what the pull said and why debootstrap could not stand in.
 */
export async function ensureBaseImage(release: DebianRelease, context: Context): Promise<string> {
  const reference = `debian:${release}-slim`
  const { signal } = context
  if ((await imageId(reference, { signal })) !== undefined) return reference
  const directory = join(cacheDirectory(), 'base')
  await mkdir(directory, { recursive: true })
  await withLock(join(directory, `${release}.lock`), context, async () => {
    if ((await imageId(reference, { signal })) !== undefined) return
    const refusal = await pull(reference, context)
    if (refusal === undefined) return
    context.emit({ type: 'log', level: 'info', message: `${reference} cannot be pulled (${refusal}); making it with debootstrap` })
    const archive = await ensureArchive(release, { directory, refusal, context })
    await docker(['import', '--change', 'CMD ["bash"]', '--message', `debootstrap --variant=minbase ${release}`, archive, reference], { signal })
  })
  return reference
}

/** What the pull said when it failed. */
async function pull(reference: string, context: Context): Promise<string | undefined> {
  try {
    await inPhase(context, `pull ${reference}`, () => docker(['pull', '--quiet', reference], { signal: context.signal }))
    return undefined
  } catch (error) {
    if (context.signal.aborted) throw error
    return describeError(error).split('\n').at(-1) ?? ''
  }
}

/** A tar of the root file system, from the cache or made now. */
async function ensureArchive(release: DebianRelease, options: { directory: string; refusal: string; context: Context }): Promise<string> {
  const archive = join(options.directory, `debian-${release}.tar`)
  if (existsSync(archive) && Date.now() - (await stat(archive)).mtimeMs < cacheDays * 86_400_000) return archive
  await ensureDebootstrap(options)
  return await inPhase(options.context, `debootstrap ${release}`, () => bootstrap(release, archive, options.context))
}

async function ensureDebootstrap({ refusal, context }: { refusal: string; context: Context }): Promise<void> {
  const fault = `debian's image cannot be pulled (${refusal})`
  if (process.getuid?.() !== 0) {
    throw new DatapipeError('programs-missing', `${fault}, and making it with debootstrap needs root`, { hint: 'run the build as root once' })
  }
  if (findOnPath('debootstrap') !== undefined) return
  const line = 'apt-get install -y --no-install-recommends debootstrap'
  if (process.env.DATAPIPE_INSTALL !== '1' || findOnPath('apt-get') === undefined) {
    throw new DatapipeError('programs-missing', `${fault}, and debootstrap is not installed`, { hint: `${line}, or set DATAPIPE_INSTALL=1` })
  }
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  await runTool('apt-get', ['update', '-q'], { signal: context.signal, stdout: 'ignore', env })
  await runTool('apt-get', line.split(' ').slice(1), { signal: context.signal, stdout: 'ignore', env })
}

/** Written beside and renamed: a run that is killed leaves no half archive. */
async function bootstrap(release: DebianRelease, archive: string, context: Context): Promise<string> {
  const { signal } = context
  const root = await mkdtemp(join(tmpdir(), `datapipe-${release}-`))
  const partial = `${archive}.${process.pid}`
  try {
    await runTool('debootstrap', ['--variant=minbase', release, root, debianMirror(await aptSources())], { signal, stdout: 'ignore' }).catch(
      async (cause: unknown) => {
        if (signal.aborted) throw cause
        const log = await readFile(join(root, 'debootstrap/debootstrap.log'), 'utf8').catch(() => '')
        throw new DatapipeError('tool-failed', `debootstrap failed: ${log.trim().split('\n').slice(-10).join('\n')}`, { path: release, cause })
      },
    )
    await makeSlim(root, release)
    const left = ['dev/*', 'proc/*', 'sys/*', 'tmp/*', 'var/cache/apt/*', 'var/lib/apt/lists/*', 'var/log/*']
    await runTool('tar', ['-C', root, '--numeric-owner', '--sort=name', ...left.map((path) => `--exclude=./${path}`), '-cf', partial, '.'], {
      signal,
    })
    await rename(partial, archive)
    return archive
  } finally {
    await rm(partial, { force: true })
    await rm(root, { recursive: true, force: true })
  }
}

/** What the official slim images do: no documentation, no package archives kept, services not started by installation. */
async function makeSlim(root: string, release: DebianRelease): Promise<void> {
  const documentation = ['usr/share/doc', 'usr/share/man', 'usr/share/info', 'usr/share/locale', 'usr/share/lintian']
  await Promise.all(documentation.map((path) => rm(join(root, path), { recursive: true, force: true })))
  const excluded = documentation.map((path) => `path-exclude=/${path}/*\n`).join('')
  await writeFile(join(root, 'etc/dpkg/dpkg.cfg.d/docker'), `${excluded}path-include=/usr/share/doc/*/copyright\n`)
  await writeFile(
    join(root, 'etc/apt/apt.conf.d/docker-clean'),
    'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb || true"; };\nDir::Cache::pkgcache "";\nDir::Cache::srcpkgcache "";\nAcquire::Languages "none";\n',
  )
  await writeFile(join(root, 'usr/sbin/policy-rc.d'), '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  await rm(join(root, 'etc/apt/sources.list'), { force: true })
  await writeFile(join(root, 'etc/apt/sources.list.d/debian.sources'), debianSources(release))
}
