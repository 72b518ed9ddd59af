import { expect, test } from 'vitest'
import type { KafkaPart, SchemaSide } from '../../components/kafka/part.ts'
import type { RegistryPart } from '../../components/registry/part.ts'
import { usedIdsOf } from './parts.ts'

const nothing: SchemaSide = { framed: 0n, notFramed: 0n, nulls: 0n, ids: [] }
const side = (framed: bigint, notFramed: bigint, ...ids: number[]): SchemaSide => ({
  framed,
  notFramed,
  nulls: 0n,
  ids: ids.map((id) => ({ id, partition: 0, offset: BigInt(id) })),
})
const kafka = (value: SchemaSide) => ({ topics: [{ name: 'parcels', schemaIds: { key: nothing, value } }] }) as unknown as KafkaPart
const registry = { ids: [{ id: 3 }, { id: 4 }] } as unknown as RegistryPart
const used = (value: SchemaSide) => usedIdsOf({ kafka: kafka(value), registry }).map(({ id }) => id)

test('every id of an Avro side counts, known to the registry or not', () => {
  expect(used(side(9n, 0n, 3, 5))).toEqual([3, 5])
})

test('regression: one empty value among Avro ones does not take the topic out of the check', () => {
  expect(used(side(9n, 1n, 3, 4, 5))).toEqual([3, 4, 5])
})

test('where most records are something else, what looks like an id counts only when the registry had it', () => {
  expect(used(side(2n, 9n, 4, 0x6f6f6f))).toEqual([4])
})

test('regression: values whose ids are in record headers are not taken for framed ones', () => {
  expect(used(side(9n, 0n, 0x02020202, 0x02040206))).toEqual([])
})
