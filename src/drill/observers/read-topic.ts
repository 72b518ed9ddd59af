import { DatapipeError } from '../../base/errors.ts'
import type { FetchedPartition } from './kafka-connection.ts'
import { type DecodedBatch, type DecodedRecord, decodeBatches } from './record-batch.ts'

/** Where batches come from: a `KafkaConnection`. */
export interface BatchSource {
  fetch(topic: string, partition: number, offset: bigint): Promise<Pick<FetchedPartition, 'aborted' | 'bytes'>>
}

export interface ReadPartition {
  topic: string
  partition: number
  /** First offset wanted; below the log start it is an error, not a shorter answer. */
  start: bigint
  /** Offset after the last one wanted, at most the last stable offset. */
  end: bigint
  signal: AbortSignal
}

/**
 * Every committed record of a partition in [start, end), in order: aborted transactions and control records left out by our own rule
 * (KIP-98: an aborted range of a producer runs from its first offset to that producer's next control record).
 * Throws `kafka-corrupt` on a bad batch and `server-refused` when the broker stops short of `end`.
 */
export async function* readPartition(connection: BatchSource, wanted: ReadPartition): AsyncGenerator<DecodedRecord> {
  const path = `${wanted.topic}/${wanted.partition}`
  const aborting = new Set<bigint>()
  const known = new Set<string>()
  const pending: FetchedPartition['aborted'] = []
  let at = wanted.start
  let empty = 0
  while (at < wanted.end) {
    if (wanted.signal.aborted) throw new DatapipeError('interrupted', 'interrupted while reading records', { path })
    const answer = await connection.fetch(wanted.topic, wanted.partition, at)
    for (const range of answer.aborted) {
      const name = `${range.producerId}@${range.firstOffset}`
      if (!known.has(name)) pending.push(range)
      known.add(name)
    }
    pending.sort((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1))
    const batches = decodeBatches(answer.bytes, `${path}/${at}`)
    if (batches.length === 0) {
      if (++empty > 20) throw new DatapipeError('server-refused', `the broker gives nothing at offset ${at}, the end is ${wanted.end}`, { path })
      continue
    }
    empty = 0
    for (const batch of batches) {
      if (batch.nextOffset <= at) continue
      while (pending[0] !== undefined && pending[0].firstOffset < batch.nextOffset)
        aborting.add((pending.shift() as { producerId: bigint }).producerId)
      yield* visible(batch, aborting, at, wanted.end)
      if (batch.control) aborting.delete(batch.producerId)
      at = batch.nextOffset
    }
  }
}

function* visible(batch: DecodedBatch, aborting: Set<bigint>, from: bigint, end: bigint): Generator<DecodedRecord> {
  if (batch.control || (batch.transactional && aborting.has(batch.producerId))) return
  for (const record of batch.records) if (record.offset >= from && record.offset < end) yield record
}
