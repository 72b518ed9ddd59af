import { createHash } from 'node:crypto'
import { DatapipeError } from '../base/errors.ts'

export type Source = AsyncIterable<Uint8Array> | Uint8Array

export interface HashingSource extends AsyncIterable<Uint8Array> {
  /** Once the source has ended. */
  digest(): { bytes: number; sha256: string }
}

/** Passes chunks through unchanged while counting and hashing them; `interrupted` between two chunks once the signal is aborted. */
export function hashingSource(source: Source, signal: AbortSignal): HashingSource {
  const hash = createHash('sha256')
  let bytes = 0
  return {
    async *[Symbol.asyncIterator]() {
      for await (const chunk of source instanceof Uint8Array ? [source] : source) {
        if (signal.aborted) throw new DatapipeError('interrupted', 'interrupted while storing a file')
        hash.update(chunk)
        bytes += chunk.byteLength
        yield chunk
      }
    },
    digest: () => ({ bytes, sha256: hash.digest('hex') }),
  }
}
