import { expect, test } from 'vitest'
import type { KafkaPart } from '../../components/kafka/part.ts'
import { chooseForKafka, type KafkaRestoreOptions, refusePartialPipeline } from './kafka-choices.ts'

const part = { topics: [{ name: 'orders' }, { name: 'shop.a' }, { name: 'side', kind: 'internal' }] } as unknown as KafkaPart
const choice = { registry: [], workers: [], evidence: ['connect-offsets'], data: ['orders', 'shop.a'] }
const choose = (options: KafkaRestoreOptions) => chooseForKafka(options, part, choice, { restore: { replicationFactor: 2 } } as never)
const refusal = (code: string, message: string) => expect.objectContaining({ code, message: expect.stringContaining(message) as string }) as Error

test('nothing typed: everything with data, and what the configuration says of replicas', () => {
  expect(choose({})).toEqual({ data: ['orders', 'shop.a'], ofData: { replicationFactor: 2 }, ofInternal: { replicationFactor: 2 } })
})

test('what is typed counts for topics with data; internal ones come back whole and under their names', () => {
  const options = {
    topics: ['shop.*'],
    rename: ['*=r.*'],
    repartition: ['shop.a=3'],
    offsets: ['shop.a/0=5..'],
    toTime: '1000',
    replicationFactor: 1,
  }
  expect(choose(options)).toEqual({
    data: ['shop.a'],
    ofInternal: { replicationFactor: 1 },
    ofData: {
      replicationFactor: 1,
      names: new Map([['shop.a', 'r.shop.a']]),
      repartition: new Map([['shop.a', 3]]),
      range: { offsets: new Map([['shop.a/0', { from: 5n }]]), toTime: 1000n },
    },
  })
})

test.each<[KafkaRestoreOptions, string, string]>([
  [{ topics: ['nothing'] }, 'topic-pattern-empty', '--topic nothing matches no topic'],
  [{ topics: ['connect-offsets'] }, 'topic-pattern-empty', '--topic connect-offsets'],
  [{ rename: ['connect-offsets=x'] }, 'rename-refused', 'internal topic'],
  [{ rename: ['side=x'] }, 'rename-refused', 'internal topic'],
  [{ repartition: ['orders=0'] }, 'usage', 'is not TOPIC=N'],
  [{ repartition: ['other=2'] }, 'usage', 'names other'],
  [{ offsets: ['orders=1..2'] }, 'usage', 'is not TOPIC/PARTITION=FROM..TO'],
  [{ offsets: ['orders/0=2..2'] }, 'usage', 'is not TOPIC/PARTITION=FROM..TO'],
  [{ fromTime: '2026-11-25T09:00:00' }, 'usage', '--from-time 2026-11-25T09:00:00 is no time'],
  [{ fromTime: '2026-11-25T09:00:00Z', toTime: '2026-11-25T10:00:00+02:00' }, 'usage', 'is not before'],
])('%j: %s', (options, code, message) => {
  expect(() => choose(options)).toThrow(refusal(code, message))
})

test('less than a pipeline is for Kafka alone', () => {
  for (const options of [{ topics: ['a'] }, { rename: ['a=b'] }, { offsets: [] }, { fromTime: '1' }, { toTime: '1' }]) {
    expect(() => refusePartialPipeline(options, undefined)).toThrow(refusal('usage', 'less than a pipeline'))
    expect(() => refusePartialPipeline(options, ['kafka', 'connect'])).toThrow(refusal('usage', 'less than a pipeline'))
    refusePartialPipeline(options, ['kafka'])
  }
  refusePartialPipeline({ replicationFactor: 1, preserveOffsets: true, repartition: ['a=1'] }, undefined)
})
