import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'
import { type Context, inPhase } from '../base/context.ts'
import { DatapipeError } from '../base/errors.ts'
import { startTool } from '../clients/exec.ts'
import { imageId } from './docker.ts'
import { hostSettings } from './host-settings.ts'

const hostScripts = fileURLToPath(new URL('recipe/host', import.meta.url))

export interface ImageBuild {
  tag: string
  dockerfile: string
  /** The build's context: path in it → file or directory on this host. Tests (`*.test.ts`) are left out. */
  files: Readonly<Record<string, string>>
  /**
   * Where in the context `apply.sh` and `undo.sh` go, with the settings of this host beside them (default `host`). A stage that needs
   * a registry says `COPY host/ /host/` and `RUN sh /host/apply.sh`.
   */
  hostDirectory?: string
  /** The stage that is wanted; the last one when left out. */
  target?: string
  buildArgs?: Readonly<Record<string, string>>
  labels?: Readonly<Record<string, string>>
  /** A PEM file with certificates that the build has to trust, beside those that this host trusts. */
  ca?: string
}

/**
 * Builds an image with `docker build`, whichever builder the engine has, and returns its id. The context is made for it and removed.
 * Throws `tool-missing`, `interrupted`, and `tool-failed` with the builder's last lines.
 */
export async function buildImage(build: ImageBuild, context: Context): Promise<string> {
  return await inPhase(context, `build ${build.tag}`, async () => {
    const directory = await mkdtemp(join(tmpdir(), 'datapipe-image-'))
    try {
      await fillContext(build, directory)
      await runBuild(build, directory, context)
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
    const id = await imageId(build.tag, { signal: context.signal })
    if (id === undefined) throw new DatapipeError('tool-failed', `docker build ended well, and there is no image ${build.tag}`, { path: build.tag })
    return id
  })
}

async function fillContext(build: ImageBuild, directory: string): Promise<void> {
  const withoutTests = { recursive: true, filter: (source: string) => !source.endsWith('.test.ts') }
  for (const [to, from] of Object.entries(build.files)) await cp(from, join(directory, to), withoutTests)
  const host = join(directory, build.hostDirectory ?? 'host')
  await mkdir(dirname(host), { recursive: true })
  await cp(hostScripts, host, { recursive: true })
  const settings = await hostSettings(build.ca === undefined ? {} : { ca: build.ca })
  for (const [name, text] of Object.entries(settings)) await writeFile(join(host, name), text, { mode: 0o600 })
}

async function runBuild(build: ImageBuild, directory: string, context: Context): Promise<void> {
  const args = ['build', '--tag', build.tag, '--file', build.dockerfile]
  if (build.target !== undefined) args.push('--target', build.target)
  for (const [name, value] of Object.entries(build.buildArgs ?? {})) args.push('--build-arg', `${name}=${value}`)
  for (const [name, value] of Object.entries(build.labels ?? {})) args.push('--label', `${name}=${value}`)
  // By name alone: the value comes from our environment, and neither argv nor the image's history shows it.
  for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'])
    if (process.env[name] !== undefined) args.push('--build-arg', name)
  const words: string[] = []
  const hear = (coloured: string) => {
    const line = stripVTControlCharacters(coloured)
    words.push(line)
    if (words.length > 40) words.shift()
    context.emit({ type: 'log', level: 'debug', message: line })
  }
  await using tool = await startTool('docker', [...args, directory], { signal: context.signal, stdout: 'pipe', onStderrLine: hear })
  for await (const line of createInterface({ input: tool.stdout })) hear(line)
  await tool.succeeded().catch((cause: unknown) => {
    if (context.signal.aborted) throw cause
    throw new DatapipeError('tool-failed', `docker build of ${build.tag} failed:\n${words.join('\n')}`, { path: build.dockerfile, cause })
  })
}
