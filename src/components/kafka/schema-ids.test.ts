import { expect, test } from 'vitest'
import { buildBatch } from '../../clients/kafka/build-batch.ts'
import { codecs } from '../../clients/kafka/compression.ts'
import { parseBatchHeader } from '../../clients/kafka/record-batch.ts'
import { mergeSchemaIds, noSchemaIds, scanSchemaIds } from './schema-ids.ts'

const framed = (id: number) => Buffer.concat([Buffer.from([0, 0, 0, 0, id]), Buffer.from('data')])

function record(offset: bigint, key: Buffer | null, value: Buffer | null) {
  return { offset, timestamp: 1n, key, value, headers: [{ key: Buffer.from('x'), value: framed(99) }] }
}

const rows = [
  record(40n, framed(1), framed(7)),
  record(41n, null, null),
  record(45n, Buffer.from('plain'), framed(7)),
  record(46n, framed(1), framed(8)),
  record(47n, Buffer.alloc(0), Buffer.from([0, 0, 0, 1])),
]

test.each(codecs)('ids, nulls and other bytes are told apart (%s)', (codec) => {
  const batch = buildBatch({ baseOffset: 40n, records: rows, codec })
  const scanner = scanSchemaIds(2, noSchemaIds())
  scanner.scan(batch, parseBatchHeader(batch))
  expect(scanner.result()).toEqual({
    key: { framed: 2n, notFramed: 2n, nulls: 1n, ids: [{ id: 1, partition: 2, offset: 40n }] },
    value: {
      framed: 3n,
      notFramed: 1n,
      nulls: 1n,
      ids: [
        { id: 7, partition: 2, offset: 40n },
        { id: 8, partition: 2, offset: 46n },
      ],
    },
  })
})

test('scanning on from an earlier result is scanning at once; partitions add up', () => {
  const batches = rows.map((row) => buildBatch({ baseOffset: row.offset, records: [row] }))
  const whole = scanSchemaIds(2, noSchemaIds())
  for (const batch of batches) whole.scan(batch, parseBatchHeader(batch))
  const first = scanSchemaIds(2, noSchemaIds())
  for (const batch of batches.slice(0, 2)) first.scan(batch, parseBatchHeader(batch))
  const second = scanSchemaIds(2, first.result())
  for (const batch of batches.slice(2)) second.scan(batch, parseBatchHeader(batch))
  expect(second.result()).toEqual(whole.result())
  const merged = mergeSchemaIds([whole.result(), whole.result()])
  expect(merged.value).toMatchObject({ framed: 6n, notFramed: 2n, nulls: 2n })
  expect(merged.value.ids).toEqual(whole.result().value.ids)
})
