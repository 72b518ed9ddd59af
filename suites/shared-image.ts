import { readFile, rename, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { inject } from 'vitest'
import { waitUntil } from '../src/base/wait-until.ts'
import type { ImageResult } from '../src/commands/image.ts'
import { datapipeJson, resultOf, told } from './cli.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** A directory of this run of the suites; set-up.ts makes it, and removes it with the image. */
    suitesDirectory: string
  }
}

/**
 * The backup-tools image from the sources as they are, by `datapipe image`: the first suite that asks has it built, the others wait for it.
 * Nobody removes it but set-up.ts.
 */
export async function sharedImage(): Promise<ImageResult> {
  const directory = inject('suitesDirectory')
  const [answer, temporary] = [join(directory, 'image.json'), join(directory, 'image.tmp')]
  if (await isFirst(join(directory, 'image.asked'))) {
    const run = await datapipeJson(['image', '--tag', `datapipe-backup-tools:${basename(directory)}`])
    const said = run.exitCode === 0 ? { built: resultOf<ImageResult>(run) } : { failed: told(run) }
    await writeFile(temporary, JSON.stringify(said))
    await rename(temporary, answer)
  }
  const text = await waitUntil(() => readFile(answer, 'utf8').catch(isMissing), {
    what: 'another suite to build the backup-tools image',
    timeoutMs: 2_400_000,
    everyMs: 500,
  })
  const { built, failed } = JSON.parse(text) as { built?: ImageResult; failed?: string }
  if (built === undefined) throw new Error(`datapipe image: ${failed}`)
  return built
}

async function isFirst(file: string): Promise<boolean> {
  try {
    await writeFile(file, '', { flag: 'wx' })
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}

function isMissing(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
  throw error
}
