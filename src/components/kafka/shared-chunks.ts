import type { BufferPool } from '../../base/buffer-pool.ts'

/** Chunks of a stream out of a pool, of which parts are still needed when the stream has gone on: each goes back when nobody holds a part of it. */
export interface SharedChunks {
  /** Somebody needs these bytes until the function that is returned is called. */
  hold(bytes: Uint8Array): () => void
  /** The stream has gone on behind the chunk. */
  over(chunk: Uint8Array): void
}

export function shareChunks(pool: BufferPool): SharedChunks {
  const holders = new Map<ArrayBufferLike, number>()
  const waiting = new Map<ArrayBufferLike, Uint8Array>()
  return {
    hold({ buffer }) {
      holders.set(buffer, (holders.get(buffer) ?? 0) + 1)
      return () => {
        const left = (holders.get(buffer) ?? 1) - 1
        if (left > 0) {
          holders.set(buffer, left)
          return
        }
        holders.delete(buffer)
        const chunk = waiting.get(buffer)
        if (chunk === undefined) return
        waiting.delete(buffer)
        pool.give(chunk)
      }
    },
    over(chunk) {
      if (holders.has(chunk.buffer)) waiting.set(chunk.buffer, chunk)
      else pool.give(chunk)
    },
  }
}
