import { type RawBatch, splitBatches } from '../clients/kafka/read-batches.ts'
import { type KafkaRecord, readRecords } from '../clients/kafka/records.ts'
import { crc32cOf } from '../clients/kafka-wire/crc32c.ts'
import type { WireFetched } from '../clients/kafka-wire/wire-fetch.ts'
import { ToolFailure } from './tool-failure.ts'

/** A record and where it lay. */
export interface ReadRecord extends KafkaRecord {
  topic: string
  partition: number
  logAppendTime: boolean
}

/** The whole batches of an answer, CRCs checked. Throws when a batch is damaged: its records would be anything. */
export function wholeBatches({ topic, partition, records }: WireFetched): RawBatch[] {
  const { batches } = splitBatches(records)
  for (const { bytes, header } of batches) {
    const actual = crc32cOf(bytes, 21, header.size)
    if (actual === header.crc) continue
    const message = `Record batch for partition ${topic}-${partition} at offset ${header.baseOffset} is invalid, cause: Record is corrupt (stored crc = ${header.crc}, computed crc = ${actual})`
    throw new ToolFailure('broker', { type: 'org.apache.kafka.common.KafkaException', message })
  }
  return batches
}

/**
 * The records from `from` on that an application sees: no control records, and with `committedOnly` none of aborted transactions (the answer lists
 * those with the offset they begin at; an abort marker ends one).
 */
export function* visibleRecords(fetched: WireFetched, batches: RawBatch[], from: bigint, committedOnly: boolean): Generator<ReadRecord> {
  const { topic, partition } = fetched
  const beginning = [...fetched.aborted].sort((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1))
  const aborting = new Set<bigint>()
  for (const { bytes, header } of batches) {
    while (beginning[0] !== undefined && beginning[0].firstOffset <= header.lastOffset) aborting.add(beginning.shift()?.producerId ?? -1n)
    if (header.control) {
      if (committedOnly && isAbortMarker(bytes, header)) aborting.delete(header.producerId)
      continue
    }
    if (committedOnly && header.transactional && aborting.has(header.producerId)) continue
    for (const record of readRecords(bytes, header)) {
      if (record.offset >= from) yield { ...record, topic, partition, logAppendTime: header.logAppendTime }
    }
  }
}

/** A control record's key: version INT16, type INT16 (0 abort, 1 commit). */
function isAbortMarker(bytes: Buffer, header: RawBatch['header']): boolean {
  for (const { key } of readRecords(bytes, header)) return key !== null && key.length >= 4 && key.readInt16BE(2) === 0
  return false
}
