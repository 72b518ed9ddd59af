import { DatapipeError } from '../../base/errors.ts'
import { type BatchHeader, batchSize, parseBatchHeader } from './record-batch.ts'

export interface RawBatch {
  bytes: Buffer
  header: BatchHeader
}

/** Batches larger than this are taken for damage: brokers' own limit is 2 GiB, their requests' 100 MiB by default. */
const largestBatch = 1 << 30

/**
 * Cuts a byte stream into record batches; only a batch that lies across two chunks is copied. CRCs are not looked at.
 * Throws `kafka-corrupt` when the stream ends inside a batch.
 */
export async function* readBatches(source: AsyncIterable<Uint8Array>): AsyncGenerator<RawBatch> {
  let pending: Buffer[] = []
  let pendingSize = 0
  let wanted = 12
  for await (const chunk of source) {
    pending.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))
    pendingSize += chunk.byteLength
    if (pendingSize < wanted) continue
    const bytes = pending.length === 1 && pending[0] !== undefined ? pending[0] : Buffer.concat(pending, pendingSize)
    const { batches, rest, missing } = splitBatches(bytes)
    yield* batches
    pending = rest.length === 0 ? [] : [rest]
    pendingSize = rest.length
    wanted = rest.length + missing
  }
  if (pendingSize > 0) throw new DatapipeError('kafka-corrupt', `${pendingSize} bytes after the last whole record batch`)
}

/** The whole batches at the start of `bytes`, the bytes after them, and how many more the next batch needs at least. */
export function splitBatches(bytes: Buffer): { batches: RawBatch[]; rest: Buffer; missing: number } {
  const batches: RawBatch[] = []
  let at = 0
  for (;;) {
    const size = batchSize(bytes, at)
    if (size !== undefined && size > largestBatch) throw new DatapipeError('kafka-corrupt', `a record batch claims a length of ${size} bytes`)
    if (size === undefined || at + size > bytes.length) {
      return { batches, rest: bytes.subarray(at), missing: (size ?? 12) - (bytes.length - at) }
    }
    const batch = bytes.subarray(at, at + size)
    batches.push({ bytes: batch, header: parseBatchHeader(batch) })
    at += size
  }
}
