import { execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Context, inPhase } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import { cacheDirectory } from './cache.ts'
import { withLock } from './with-lock.ts'

const poms = fileURLToPath(new URL('../../../fixtures/stack', import.meta.url))
const modules = ['kafka', 'debezium', 'converter', 'registry']

export interface JarSet {
  /** Holds `kafka/` (the class path of broker and Connect), `plugins/` (Connect's plugin.path), `registry/`. */
  directory: string
  versions: Record<string, string>
}

/** The directory that the poms as they are now resolve to, whether or not it is there; named by their hash. */
export async function describeJars(): Promise<JarSet> {
  const hash = createHash('sha256')
  for (const name of ['.', ...modules]) hash.update(await readFile(join(poms, name, 'pom.xml')))
  const parent = await readFile(join(poms, 'pom.xml'), 'utf8')
  const version = (property: string) => new RegExp(`<${property}>([^<]+)</${property}>`).exec(parent)?.[1] ?? 'unknown'
  return {
    directory: join(cacheDirectory(), 'stack', hash.digest('hex').slice(0, 16)),
    versions: {
      kafka: version('kafka.version'),
      debezium: version('debezium.version'),
      apicurioRegistry: version('apicurio-registry.version'),
      apicurioConverter: version('apicurio-converter.version'),
    },
  }
}

/**
 * The servers' jars from the cache, resolved by Maven first when they are not there. Built beside and renamed into place under a
 * lock: a run that is killed, or two at once, cannot leave half a set. Throws `tool-failed` with Maven's last lines.
 */
export async function resolveJars(options: { context: Context; maven: string | undefined; java: string }): Promise<JarSet> {
  const jars = await describeJars()
  if (existsSync(jars.directory)) return jars
  const { maven, java, context } = options
  if (maven === undefined) throw new DatapipeError('internal', 'jars are to be resolved and Maven was not looked for')
  const parent = join(cacheDirectory(), 'stack')
  await mkdir(parent, { recursive: true })
  await withLock(join(parent, 'lock'), context, async () => {
    if (existsSync(jars.directory)) return
    const building = await mkdtemp(join(parent, '.new-'))
    try {
      await inPhase(context, 'download servers', async () => {
        await runMaven(maven, building, context)
        for (const name of ['kafka', 'plugins/debezium', 'plugins/converter', 'registry']) {
          if (!existsSync(join(building, name)))
            throw new DatapipeError('tool-failed', `Maven brought nothing for ${name}`, { path: join(poms, 'pom.xml') })
        }
        await writePluginManifests(java, building, context)
      })
      await writeFile(join(building, 'versions.json'), `${JSON.stringify(jars.versions, null, 2)}\n`)
      await rename(building, jars.directory).catch((error: unknown) => {
        // Another run got there first: its set is as good as ours.
        if (!existsSync(jars.directory)) throw error
      })
    } finally {
      await rm(building, { recursive: true, force: true })
    }
  })
  return jars
}

async function runMaven(maven: string, into: string, context: Context): Promise<void> {
  const args = ['-B', '-f', join(poms, 'pom.xml'), `-Dstack.directory=${into}`, 'generate-resources']
  const child = spawn(maven, args, { stdio: ['ignore', 'pipe', 'pipe'], signal: context.signal })
  const closed = once(child, 'close')
  const words: string[] = []
  let files = 0
  const read = async (stream: NodeJS.ReadableStream) => {
    for await (const line of createInterface({ input: stream })) {
      words.push(line)
      if (words.length > 40) words.shift()
      if (line.includes('Downloaded from')) context.emit({ type: 'progress', task: 'download servers', done: ++files, unit: 'items' })
    }
  }
  try {
    const [[code]] = await Promise.all([closed, read(child.stdout), read(child.stderr)])
    if (code !== 0) throw new Error(`exit code ${code}`)
  } catch (cause) {
    if (context.signal.aborted) throw new DatapipeError('interrupted', 'interrupted while Maven was downloading the servers', { cause })
    const errors = words.filter((line) => !/Download(ing|ed) from/.test(line)).slice(-15)
    throw new DatapipeError('tool-failed', `Maven could not resolve the servers:\n${errors.join('\n')}`, { path: join(poms, 'pom.xml'), cause })
  }
}

/**
 * Connect finds plugins by service manifests in a fraction of the time that a scan of every class takes, but the Avro converter
 * has none: Kafka's own tool adds them.
 */
async function writePluginManifests(java: string, directory: string, context: Context): Promise<void> {
  const args = [
    '-Xmx256m',
    '-cp',
    join(directory, 'kafka', '*'),
    'org.apache.kafka.tools.ConnectPluginPath',
    'sync-manifests',
    '--plugin-path',
    join(directory, 'plugins'),
  ]
  await promisify(execFile)(java, args, { signal: context.signal, maxBuffer: 16 * 1024 * 1024 }).catch((cause: unknown) => {
    throw new DatapipeError('tool-failed', 'connect-plugin-path could not write the plugin manifests', { path: directory, cause })
  })
}
