import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Context, inPhase } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import { runTool } from '../../clients/exec.ts'
import { cacheDirectory } from '../embedded/cache.ts'
import { findOnPath } from '../embedded/programs.ts'
import { describeJars } from '../embedded/resolve-jars.ts'
import { withLock } from '../embedded/with-lock.ts'

const poms = fileURLToPath(new URL('../../../fixtures/stack', import.meta.url))

/** Module of fixtures/stack → the property with its version, where its jars land, and the name of its version in the embedded stack's cache. */
const modules = {
  kafka: { property: 'kafka.version', place: 'kafka', embedded: 'kafka' },
  debezium: { property: 'debezium.version', place: 'plugins/debezium', embedded: 'debezium' },
  converter: { property: 'apicurio-converter.version', place: 'plugins/converter', embedded: 'apicurioConverter' },
  registry: { property: 'apicurio-registry.version', place: 'registry', embedded: 'apicurioRegistry' },
} as const
export type JarModule = keyof typeof modules

/**
 * The directory that holds a server's jars in this version: the embedded stack's own where it has them, otherwise resolved by Maven into
 * the cache, once. Throws `programs-missing` without Maven, `tool-failed` with its last lines.
 */
export async function serverJars(module: JarModule, version: string, context: Context): Promise<string> {
  const { property, place, embedded } = modules[module]
  const there = await describeJars()
  if (there.versions[embedded] === version && existsSync(there.directory)) return join(there.directory, place)
  const parent = join(cacheDirectory(), 'stack')
  const directory = join(parent, `${module}-${version}`)
  if (existsSync(directory)) return directory
  const maven = findOnPath('mvn')
  if (maven === undefined) {
    throw new DatapipeError('programs-missing', `the image of ${module} ${version} is made from jars that Maven resolves, and there is no mvn`, {
      hint: 'apt-get install maven',
    })
  }
  await mkdir(parent, { recursive: true })
  await withLock(join(parent, 'lock'), context, async () => {
    if (existsSync(directory)) return
    const building = await mkdtemp(join(parent, '.new-'))
    const args = ['-B', '-q', '-f', join(poms, 'pom.xml'), '-pl', module, `-D${property}=${version}`, `-Dstack.directory=${building}`]
    try {
      await inPhase(context, `download ${module} ${version}`, () => runMaven(maven, [...args, 'generate-resources'], context))
      await rename(join(building, place), directory)
    } finally {
      await rm(building, { recursive: true, force: true })
    }
  })
  return directory
}

/** Maven says everything on stdout. */
async function runMaven(maven: string, args: string[], context: Context): Promise<void> {
  await runTool('sh', ['-c', '"$@" >&2', 'sh', maven, ...args], { signal: context.signal, stdout: 'ignore' })
}
