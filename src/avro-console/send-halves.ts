import { batchHeaderSize, parseBatchHeader, stampedHeader } from '../clients/kafka/record-batch.ts'
import { rebuildBatch } from '../clients/kafka/rebuild-batch.ts'

/** One batch that a broker finds too large, as two, with the same sequence numbers. */
export function halves(bytes: Buffer): { bytes: Buffer; count: number }[] {
  const header = parseBatchHeader(bytes)
  const middle = BigInt(header.recordCount >> 1)
  const { producerId, producerEpoch, baseSequence } = header
  return [(offset: bigint) => offset < middle, (offset: bigint) => offset >= middle].flatMap((keep, index) => {
    const half = rebuildBatch(bytes, header, keep)
    if (half === undefined) return []
    const stamp = { producerId, producerEpoch, baseSequence: baseSequence < 0 ? -1 : (baseSequence + (index === 0 ? 0 : Number(middle))) % 2 ** 31 }
    return [{ bytes: Buffer.concat([stampedHeader(half.bytes, stamp), half.bytes.subarray(batchHeaderSize)]), count: half.recordCount }]
  })
}
