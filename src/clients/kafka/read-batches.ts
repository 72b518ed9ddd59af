import { DatapipeError } from '../../base/errors.ts'
import { type BatchHeader, batchSize, parseBatchHeader } from './record-batch.ts'

export interface RawBatch {
  bytes: Buffer
  header: BatchHeader
}

/** Batches larger than this are taken for damage: brokers' own limit is 2 GiB, their requests' 100 MiB by default. */
const largestBatch = 1 << 30

/**
 * Cuts a byte stream into record batches; only a batch that lies across two chunks is copied. CRCs are not looked at. `over` is told of a
 * chunk once the batch after its last one is asked for. Throws `kafka-corrupt` when the stream ends inside a batch.
 */
export async function* readBatches(source: AsyncIterable<Uint8Array>, over: (chunk: Uint8Array) => void = () => {}): AsyncGenerator<RawBatch> {
  /** The beginning of a batch that the next chunk goes on with, and how many bytes of it are wanted: all, once its length is there. */
  let pieces: Buffer[] = []
  let held = 0
  let wanted = 0
  for await (const bytes of source) {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    let at = 0
    while (held > 0 && at < chunk.length) {
      const piece = Buffer.from(chunk.subarray(at, at + wanted - held))
      pieces.push(piece)
      held += piece.length
      at += piece.length
      if (held < wanted) continue
      const joined = Buffer.concat(pieces, held)
      const { batches, missing } = splitBatches(joined)
      yield* batches
      pieces = missing === 0 ? [] : [joined]
      held = missing === 0 ? 0 : joined.length
      wanted = held + missing
    }
    if (held === 0) {
      const { batches, rest, missing } = splitBatches(chunk.subarray(at))
      yield* batches
      pieces = rest.length === 0 ? [] : [Buffer.from(rest)]
      held = rest.length
      wanted = held + missing
    }
    over(bytes)
  }
  if (held > 0) throw new DatapipeError('kafka-corrupt', `${held} bytes after the last whole record batch`)
}

/** The whole batches at the start of `bytes`, the bytes after them, and how many more the next batch needs at least; 0 when none has begun. */
export function splitBatches(bytes: Buffer): { batches: RawBatch[]; rest: Buffer; missing: number } {
  const batches: RawBatch[] = []
  let at = 0
  for (;;) {
    const size = batchSize(bytes, at)
    if (size !== undefined && size > largestBatch) throw new DatapipeError('kafka-corrupt', `a record batch claims a length of ${size} bytes`)
    if (size === undefined || at + size > bytes.length) {
      const rest = bytes.subarray(at)
      return { batches, rest, missing: rest.length === 0 ? 0 : (size ?? 12) - rest.length }
    }
    const batch = bytes.subarray(at, at + size)
    batches.push({ bytes: batch, header: parseBatchHeader(batch) })
    at += size
  }
}
