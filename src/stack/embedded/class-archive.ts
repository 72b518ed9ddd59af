import { createHash } from 'node:crypto'
import { existsSync, statSync } from 'node:fs'
import { copyFile, mkdir, realpath, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { describeError } from '../../base/errors.ts'
import { cacheDirectory } from './cache.ts'
import { jarsOf, programOf, type Run } from './run.ts'

/** What is started often enough to be worth an archive: the servers, and the tool that formats a broker's disk. */
export type ArchivedProgram = 'kafka' | 'kafka-format' | 'registry' | 'connect'

/**
 * JVM options for class data sharing (JEP 350): from an archive of the classes that this program has loaded before it starts with half
 * the CPU time. Where there is none yet, the JVM writes one into the run's directory when it ends in order; `keepClassArchive` takes
 * it from there. Of several alike only one may write (`writes`). The JVM itself checks that an archive fits its version and its jars, and goes on without one that does not.
 */
export async function classArchiveOptions(run: Run, program: ArchivedProgram, { writes = true } = {}): Promise<string[]> {
  const archive = await archiveFile(run, program)
  if (existsSync(archive)) return [`-XX:SharedArchiveFile=${archive}`]
  return writes ? [`-XX:ArchiveClassesAtExit=${written(run, program)}`] : []
}

/** Moves what an ended program has written into the cache, by rename: other runs see a whole archive or none. */
export async function keepClassArchive(run: Run, program: ArchivedProgram): Promise<void> {
  const from = written(run, program)
  if (!existsSync(from)) return
  const archive = await archiveFile(run, program)
  const beside = `${archive}.${run.state.id}`
  try {
    await mkdir(dirname(archive), { recursive: true })
    await copyFile(from, beside)
    await rename(beside, archive)
    await rm(from)
  } catch (error) {
    await rm(beside, { force: true })
    const message = `the next start of ${program} is a slow one, its class archive could not be kept: ${describeError(error)}`
    run.context.emit({ type: 'log', level: 'warning', message })
  }
}

/** JVMs of other builds, and other jars, have archives of their own. */
async function archiveFile(run: Run, program: ArchivedProgram): Promise<string> {
  const java = await realpath(programOf(run, 'java'))
  const { size, mtimeMs } = statSync(join(dirname(java), '..', 'lib', 'modules'), { throwIfNoEntry: false }) ?? statSync(java)
  const build = createHash('sha256').update(`${java} ${size} ${mtimeMs}`).digest('hex').slice(0, 16)
  return join(cacheDirectory(), 'class-archives', `${basename(jarsOf(run))}-${build}`, `${program}.jsa`)
}

function written(run: Run, program: ArchivedProgram): string {
  return join(run.directory, `${program}.jsa`)
}
