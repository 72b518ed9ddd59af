import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Partitioners } from 'kafkajs'
import { describe, expect, test } from 'vitest'
import type { KafkaPartJson } from '../src/components/kafka/part.ts'
import {
  admin,
  beside,
  changeKafkaPart,
  datapipe,
  deleteUpTo,
  directory,
  expectRefusal,
  findingsOf,
  firstTime,
  id,
  kafka,
  readAll,
  restored,
  told,
  topicOf,
  topicsThere,
} from './kafka-restore-cluster.ts'

/** Registered by the suite: offsets kept, ranges, and other numbers of partitions. */
export function offsetTests(): void {
  describe('original offsets', () => {
    const ends = async (topic: string) =>
      (await admin.fetchTopicOffsets(topic)).map(({ partition, low, high }) => ({ partition, low, high })).sort((a, b) => a.partition - b.partition)

    test('deleted beginnings, transactions and compaction: every record at its own offset for every reader, the same ends, positions untranslated', async () => {
      const names = ['gaps', 'compacted', 'orders']
      const before = await readAll(names)
      expect(before['gaps/0']?.length).toBeGreaterThan(5)
      const result = await restored(beside(names, '--rename', '*=exact.*', '--preserve-offsets'))
      expect(findingsOf(result, 'markers-written').map(({ item }) => item)).toEqual(['exact.compacted', 'exact.gaps'])
      for (const readUncommitted of [false, true]) {
        const after = await readAll(
          names.map((name) => `exact.${name}`),
          readUncommitted,
        )
        expect(after).toEqual(Object.fromEntries(Object.entries(before).map(([key, records]) => [`exact.${key}`, records])))
      }
      for (const name of names) {
        const source = await ends(name)
        const target = await ends(`exact.${name}`)
        expect(target.map(({ high }) => high)).toEqual(source.map(({ high }) => high))
        expect(target.map(({ partition, low }) => low === (before[`${name}/${partition}`]?.[0]?.split(' ')[0] ?? ''))).toEqual(target.map(() => true))
      }
      const offsets = await admin.fetchOffsets({ groupId: 'in-gaps', topics: ['exact.gaps'] })
      expect(offsets[0]?.partitions.map(({ offset }) => offset)).toEqual(['11', '24'])
    })

    test('a topic that was emptied a quarter of a million offsets ago goes on there', async () => {
      const emptied = (part: KafkaPartJson) => {
        const [partition] = topicOf(part, 'empty').partitions
        if (partition) Object.assign(partition, { startOffset: '250000', endOffset: '250000', highWatermark: '250000' })
      }
      await changeKafkaPart(emptied, () => restored(beside(['empty'], '--rename', '*=far.*', '--preserve-offsets')))
      expect(await ends('far.empty')).toEqual([{ partition: 0, low: '250000', high: '250000' }])
    })

    test('more offsets without records than are filled, an empty topic that stands too far, and records spread anew are refused by partition', async () => {
      const sparse = (part: KafkaPartJson) => {
        const [partition] = topicOf(part, 'orders').partitions
        if (partition) Object.assign(partition, { endOffset: '5000000', highWatermark: '5000000' })
      }
      await changeKafkaPart(sparse, async () => {
        const refused = await beside(['orders'], '--rename', '*=sparse.*', '--preserve-offsets')
        expectRefusal(refused, 'offsets-not-kept', 66, {
          message: /sparse.orders\/0: 49\d+ offsets without a record .* at most 1000000 are filled/,
          hint: /without --preserve-offsets/,
        })
      })
      const producer = kafka.producer()
      await admin.createTopics({ topics: [{ topic: 'late.orders', numPartitions: 3, replicationFactor: 1 }], waitForLeaders: true })
      await producer.connect()
      await producer.send({ topic: 'late.orders', messages: [1, 2, 3].map((n) => ({ partition: 1, value: `${n}` })) })
      await producer.disconnect()
      await deleteUpTo('late.orders', 1, 3n)
      const late = await beside(['orders'], '--rename', '*=late.*', '--preserve-offsets')
      expectRefusal(late, 'offsets-not-kept', 66, { message: /late.orders\/1: the empty topic stands at offset 3 already/, hint: /translated/ })
      expect(await topicsThere()).not.toContain('sparse.orders')
    })
  })

  describe('less than everything', () => {
    test('by offsets: the partition named and no other, a group in the middle of it stands at the same record; the offset map says where each went', async () => {
      const before = await readAll(['orders'])
      const file = join(directory, 'offsets.json')
      const args = ['--rename', '*=part.*', '--offsets', 'orders/1=5..12', '--offset-map', file]
      const result = await restored(beside(['orders'], ...args))
      expect(result.outcomes[0]?.counts).toMatchObject({ records: 7 })
      const after = await readAll(['part.orders'])
      expect(after['part.orders/0']).toEqual([])
      expect(after['part.orders/1']?.map(withoutOffset)).toEqual(before['orders/1']?.slice(5, 12).map(withoutOffset))
      const [offsets] = await admin.fetchOffsets({ groupId: 'billing', topics: ['part.orders'] })
      expect(offsets?.partitions.find(({ partition }) => partition === 1)?.offset).toBe('2')
      expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({
        kind: 'datapipe-offset-map',
        format: 1,
        backup: id,
        partitions: expect.arrayContaining([{ topic: 'orders', partition: 1, to: 'part.orders', end: '7', runs: [['5', '0', '7']] }]) as unknown,
      })
      const again = await beside(['orders'], '--rename', '*=again.*', '--offset-map', file)
      expectRefusal(again, 'target-not-empty', 40, { message: /offsets.json is there already/, hint: /--offset-map/ })
      expect(await topicsThere()).not.toContain('again.orders')
    })

    test('by time: exactly the records from one moment to before another, with or without their offsets', async () => {
      const wanted = (records: string[] | undefined) =>
        records?.filter((record) => {
          const time = Number(record.split(' ').at(-1))
          return time >= firstTime + 30_000 && time < firstTime + 50_000
        })
      const before = await readAll(['orders'])
      const times = ['--from-time', new Date(firstTime + 30_000).toISOString(), '--to-time', String(firstTime + 50_000)]
      const result = await restored(beside(['orders'], '--rename', '*=hour.*', ...times))
      expect(result.outcomes[0]?.counts).toMatchObject({ records: 20 })
      await restored(beside(['orders'], '--rename', '*=exact-hour.*', '--preserve-offsets', ...times))
      const after = await readAll(['hour.orders', 'exact-hour.orders'])
      for (const partition of [0, 1, 2]) {
        expect(after[`hour.orders/${partition}`]?.map(withoutOffset)).toEqual(wanted(before[`orders/${partition}`])?.map(withoutOffset))
        expect(after[`exact-hour.orders/${partition}`]).toEqual(wanted(before[`orders/${partition}`]))
      }
    })

    test('the same part can be exported, and its file says that it is one', async () => {
      const output = join(directory, 'exported')
      const times = ['--from-time', String(firstTime + 30_000), '--to-time', String(firstTime + 50_000)]
      const done = await datapipe('export', id, '--topic', 'orders', '--format', 'raw', '--output', output, ...times)
      expect(done.exitCode, told(done)).toBe(0)
      const lines = (await readFile(join(output, 'orders.raw.jsonl'), 'utf8')).trimEnd().split('\n')
      const found = lines.map((line) => Number((JSON.parse(line) as { timestamp: string }).timestamp)).sort()
      expect(found).toEqual([...Array(20).keys()].map((index) => firstTime + 30_000 + index * 1000))
      const about = JSON.parse(await readFile(join(output, 'orders.raw.jsonl.about.json'), 'utf8')) as unknown
      expect(about).toMatchObject({ records: 20, only: { fromTime: times[1], toTime: times[3] } })
      const again = await datapipe('export', id, '--topic', 'orders', '--format', 'raw', '--output', `${output}-2`, '--offsets', 'orders/1=3..5')
      expect(again.exitCode, told(again)).toBe(0)
      expect((await readFile(join(`${output}-2`, 'orders.raw.jsonl'), 'utf8')).trimEnd().split('\n')).toHaveLength(2)
    })

    test('a range that is none, or of a partition that is not there, is a mistake', async () => {
      const none = await beside(['orders'], '--rename', '*=r.*', '--offsets', 'orders/0=5')
      expectRefusal(none, 'usage', 64, { message: /is not TOPIC\/PARTITION=FROM..TO/, hint: /orders\/0=100..200/ })
      const other = await beside(['orders'], '--rename', '*=r.*', '--offsets', 'orders/3=5..6')
      expectRefusal(other, 'usage', 64, { message: /names orders\/3/, hint: /datapipe show/ })
      const time = await beside(['orders'], '--rename', '*=r.*', '--from-time', 'yesterday')
      expectRefusal(time, 'usage', 64, { message: /--from-time yesterday/, hint: /2026-11-25T09:00:00Z/ })
    })
  })

  const withoutOffset = (record: string) => record.slice(record.indexOf(' '))

  describe('another number of partitions', () => {
    test('records are spread by key as kafkajs would have, each key in its order, and no group skips a record', async () => {
      const before = (await readAll(['orders'])) as Record<string, string[]>
      const result = await restored(beside(['orders'], '--rename', '*=five.*', '--repartition', 'orders=5'))
      const after = (await readAll(['five.orders'])) as Record<string, string[]>
      const all = Object.values(after).flat()
      expect(all.map(withoutOffset).sort()).toEqual(Object.values(before).flat().map(withoutOffset).sort())
      // The oracle is kafkajs's own partitioner.
      const partitioner = Partitioners.DefaultPartitioner()
      const partitionMetadata = [0, 1, 2, 3, 4].map((partitionId) => ({ partitionId, leader: 1, partitionErrorCode: 0, replicas: [1], isr: [1] }))
      const keyOf = (record: string) => /^\d+ (customer \d+)/.exec(record)?.[1] ?? ''
      const ofKey = (records: string[], key: string) => records.filter((record) => keyOf(record) === key).map(withoutOffset)
      for (const [place, records] of Object.entries(after)) {
        for (const record of records)
          expect(`five.orders/${partitioner({ topic: 'five.orders', partitionMetadata, message: { key: keyOf(record), value: '' } })}`).toBe(place)
        for (const key of new Set(records.map(keyOf))) {
          const source = Object.values(before).find((candidate) => candidate.some((record) => keyOf(record) === key)) ?? []
          expect(ofKey(records, key)).toEqual(ofKey(source, key))
        }
      }
      for (const [groupId, position] of [
        ['billing', 7],
        ['modern', 9],
      ] as const) {
        const [offsets] = await admin.fetchOffsets({ groupId, topics: ['five.orders'] })
        const unread = offsets?.partitions.flatMap(({ partition, offset }) =>
          (after[`five.orders/${partition}`] ?? []).filter((record) => Number(record.split(' ')[0]) >= Number(offset)).map(withoutOffset),
        )
        const owed = Object.values(before).flatMap((records) =>
          records.filter((record) => Number(record.split(' ')[0]) >= position).map(withoutOffset),
        )
        expect(unread).toEqual(expect.arrayContaining(owed))
        const told = findingsOf(result, 'group-reads-again').find(({ item }) => item.startsWith(`${groupId}/`))
        expect(unread?.length).toBe(owed.length + Number(/reads (\d+) records/.exec(told?.message ?? '')?.[1] ?? 0))
      }
    })

    test('records that another partitioner wrote are refused with the first of them, and offsets cannot be kept', async () => {
      const stray = await beside(['gaps'], '--rename', '*=five.*', '--repartition', 'gaps=5', '--without-groups')
      expectRefusal(stray, 'partitions-differ', 65, {
        message: /gaps cannot be spread by key: the record at gaps\/\d offset \d+ has a key that the default partitioner puts into partition \d/,
        hint: /its own 2 partitions/,
      })
      const kept = await beside(['orders'], '--rename', '*=six.*', '--repartition', 'orders=6', '--preserve-offsets')
      expectRefusal(kept, 'offsets-not-kept', 66, {
        message: /six.orders: its records are spread over another number of partitions/,
        hint: /translated/,
      })
      expect(await topicsThere()).not.toContain('six.orders')
    })
  })
}
