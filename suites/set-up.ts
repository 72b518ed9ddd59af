import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { TestProject } from 'vitest/node'
import { silentContext } from '../src/base/context.ts'
import { describeError } from '../src/base/errors.ts'
import type { ImageResult } from '../src/commands/image.ts'
import { startOrder } from '../src/stack/embedded/embedded-stack.ts'
import { ensurePrograms } from '../src/stack/embedded/ensure-programs.ts'
import { resolveJars } from '../src/stack/embedded/resolve-jars.ts'

/**
 * Once before the suites: the programs are there (or installed, with DATAPIPE_INSTALL=1) and the servers are in the cache, or one clear error.
 * Once after them: what they shared is removed.
 */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const context = silentContext({
    emit: (event) => {
      if (event.type === 'log') console.error(event.message)
    },
  })
  try {
    const programs = await ensurePrograms({ components: [...startOrder], install: process.env.DATAPIPE_INSTALL === '1', context })
    if (programs.java !== undefined) await resolveJars({ context, maven: programs.maven, java: programs.java.program })
  } catch (error) {
    throw new Error(`the suites need real servers: ${describeError(error)}`, { cause: error })
  }
  const directory = await mkdtemp(join(tmpdir(), 'datapipe-suites-'))
  project.provide('suitesDirectory', directory)
  return async () => {
    // Without its parents: they are the cache of the next build.
    const image = join(directory, 'image.json')
    const { built } = existsSync(image) ? (JSON.parse(await readFile(image, 'utf8')) as { built?: ImageResult }) : {}
    if (built !== undefined) await promisify(execFile)('docker', ['rmi', '--force', '--no-prune', built.tag])
    await rm(directory, { recursive: true })
  }
}
