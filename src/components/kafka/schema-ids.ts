import type { BatchHeader } from '../../clients/kafka/record-batch.ts'
import { parsed, recordBytes } from '../../clients/kafka/records.ts'
import { type Cursor, readVarint, skipVarint } from '../../clients/kafka/varint.ts'
import { idLimit, type SchemaSide } from './part.ts'

/** Schema ids seen so far in one partition, or merged over a topic. */
export interface SchemaIds {
  key: SchemaSide
  value: SchemaSide
}

/** Nothing seen yet. */
export function noSchemaIds(): SchemaIds {
  const side = (): SchemaSide => ({ framed: 0n, notFramed: 0n, nulls: 0n, ids: [] })
  return { key: side(), value: side() }
}

export interface SchemaIdScanner {
  /** Takes in a data batch; only the first five bytes of keys and values are looked at. Throws `kafka-corrupt`. */
  scan(batch: Buffer, header: BatchHeader): void
  result(): SchemaIds
}

interface SideCount {
  framed: number
  notFramed: number
  nulls: number
  ids: Map<number, { partition: number; offset: bigint }>
}

/** Collects Confluent schema ids (magic byte 0, then INT32) of one partition, going on from `before`. */
export function scanSchemaIds(partition: number, before: SchemaIds): SchemaIdScanner {
  const sides = { key: startFrom(before.key), value: startFrom(before.value) }
  return {
    scan(batch, header) {
      const cursor: Cursor = { bytes: recordBytes(batch, header), at: 0 }
      parsed(header, () => {
        for (let index = 0; index < header.recordCount; index++) {
          const length = readVarint(cursor)
          const end = cursor.at + length
          if (length < 0 || end > cursor.bytes.length) throw new RangeError(`a record of ${length} bytes`)
          cursor.at++
          skipVarint(cursor)
          const delta = readVarint(cursor)
          look(sides.key, cursor, header, delta, partition)
          look(sides.value, cursor, header, delta, partition)
          cursor.at = end
        }
      })
    },
    result: () => ({ key: toSide(sides.key), value: toSide(sides.value) }),
  }
}

function look(side: SideCount, cursor: Cursor, header: BatchHeader, delta: number, partition: number): void {
  const length = readVarint(cursor)
  if (length < 0) {
    side.nulls++
    return
  }
  if (length >= 5 && cursor.bytes[cursor.at] === 0) {
    side.framed++
    const id = cursor.bytes.readUInt32BE(cursor.at + 1)
    if (!side.ids.has(id) && side.ids.size < idLimit) side.ids.set(id, { partition, offset: header.baseOffset + BigInt(delta) })
  } else {
    side.notFramed++
  }
  cursor.at += length
}

function startFrom(side: SchemaSide): SideCount {
  return {
    framed: Number(side.framed),
    notFramed: Number(side.notFramed),
    nulls: Number(side.nulls),
    ids: new Map(side.ids.map(({ id, partition, offset }) => [id, { partition, offset }])),
  }
}

function toSide(side: SideCount): SchemaSide {
  const ids = [...side.ids].map(([id, first]) => ({ id, ...first })).sort((a, b) => a.id - b.id)
  return { framed: BigInt(side.framed), notFramed: BigInt(side.notFramed), nulls: BigInt(side.nulls), ids }
}

/** The ids of several partitions as one topic's; of an id in several partitions the lowest partition's first record is named. */
export function mergeSchemaIds(parts: SchemaIds[]): SchemaIds {
  const merge = (sides: SchemaSide[]): SchemaSide => {
    const ids = new Map<number, SchemaSide['ids'][number]>()
    for (const entry of sides.flatMap((side) => side.ids)) if (!ids.has(entry.id)) ids.set(entry.id, entry)
    const sum = (count: (side: SchemaSide) => bigint) => sides.reduce((total, side) => total + count(side), 0n)
    return {
      framed: sum((side) => side.framed),
      notFramed: sum((side) => side.notFramed),
      nulls: sum((side) => side.nulls),
      ids: [...ids.values()].sort((a, b) => a.id - b.id).slice(0, idLimit),
    }
  }
  return { key: merge(parts.map((part) => part.key)), value: merge(parts.map((part) => part.value)) }
}

/** The ids of a partition's files, in their order, as one scan over all of them would give them. */
export function joinSchemaIds(files: SchemaIds[]): SchemaIds {
  const join = (sides: SchemaSide[]): SchemaSide => {
    const ids = new Map<number, SchemaSide['ids'][number]>()
    for (const side of sides) {
      const seen = [...side.ids].sort((a, b) => (a.offset < b.offset ? -1 : 1))
      for (const entry of seen) if (!ids.has(entry.id) && ids.size < idLimit) ids.set(entry.id, entry)
    }
    const sum = (count: (side: SchemaSide) => bigint) => sides.reduce((total, side) => total + count(side), 0n)
    return {
      framed: sum((side) => side.framed),
      notFramed: sum((side) => side.notFramed),
      nulls: sum((side) => side.nulls),
      ids: [...ids.values()].sort((a, b) => a.id - b.id),
    }
  }
  return { key: join(files.map((file) => file.key)), value: join(files.map((file) => file.value)) }
}
