import { join } from 'node:path'
import { controlPath } from './file-checks.ts'
import { parallelFiles } from './parallel-files.ts'
import type { Owner } from './server-owner.ts'
import { tarReader } from './tar-reader.ts'

export interface UnpackOptions {
  /** There already, and empty. */
  directory: string
  owner: Owner | undefined
  /** Whether what is written will be made durable. */
  flush: boolean
  /** Called with the number of further bytes of the archive. */
  onProgress: (bytes: number) => void
}

/**
 * Unpacks the plain bytes of one archive of a base backup, several files at a time. Two things stay out, which a restore makes itself:
 * pg_control, and the links to tablespaces. Until it resolves nothing of what was unpacked may be trusted.
 */
export async function unpackArchive(source: AsyncIterable<Uint8Array>, { directory, owner, flush, onProgress }: UnpackOptions): Promise<void> {
  await using files = parallelFiles({ owner, flush })
  const reader = tarReader(({ path, type, mode }) => {
    if (path === '' || path === controlPath || type === 'link') return undefined
    if (type === 'file') return files.file(join(directory, path), mode)
    files.directory(join(directory, path), mode)
    return undefined
  })
  for await (const chunk of source) {
    reader.push(chunk as Buffer)
    onProgress(chunk.length)
    await files.room()
  }
  reader.end()
  await files.finish()
}
