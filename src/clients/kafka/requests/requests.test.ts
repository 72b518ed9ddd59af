import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { WireReader } from '../../kafka-wire/wire-bytes.ts'
import { alterConfigs, configResources, describeConfigs } from './configs.ts'
import { deleteGroupsRequest, findCoordinator, listGroupsRequest, offsetCommit, offsetFetch } from './groups.ts'
import { type KafkaRequest, pickVersion } from './kafka-request.ts'
import { finalizedFeatures, metadata } from './metadata.ts'
import { listOffsetsRequest, offsetForLeaderEpoch } from './offsets.ts'
import { initProducerId, writeTxnMarkers } from './producers.ts'
import { alterQuotas, createAclsRequest, describeAcls, describeQuotas, describeScramUsers } from './security.ts'
import { createTopics, deleteRecordsRequest, deleteTopicsRequest } from './topics.ts'

interface Exchange {
  version: number
  /** Hexadecimal, behind the headers. */
  body: string
  answer: string
}

/** What an independent client asked a broker of Kafka 4.3.1, and what that answered: fixtures/kafka-answers/README.md. */
const captured = JSON.parse(readFileSync(new URL('../../../../fixtures/kafka-answers/kafka-4.3.1.json', import.meta.url), 'utf8')) as Record<
  string,
  Exchange
>
const checked = new Set<string>()

function expectExchange<Ask, Answer>(title: string, request: KafkaRequest<Ask, Answer>, ask: Ask, answer: unknown): void {
  checked.add(title)
  const exchange = captured[title]
  if (exchange === undefined) throw new Error(`nothing was captured of ${title}`)
  expect(request.versions).toContain(exchange.version)
  expect(request.write(ask, exchange.version).finish().toString('hex')).toBe(exchange.body)
  const bytes = Buffer.from(exchange.answer, 'hex')
  const reader = new WireReader(bytes)
  expect(request.read(reader, exchange.version)).toEqual(answer)
  // What a reader leaves is the tagged fields of the whole, empty, which nobody asks for.
  expect(bytes.subarray(reader.at).toString('hex')).toMatch(/^(00)?$/)
  for (let length = 0; length < reader.at; length++) {
    expect(() => request.read(new WireReader(bytes.subarray(0, length)), exchange.version), `cut at ${length}`).toThrow(RangeError)
  }
}

const port = 22498
const topicId = '4a356d32-db8e-4db9-989e-44a7c2cc30fd'
const partition = (number: number) => ({ partition: number, leader: 1, replicas: [1], offline: [] })
const orders = { errorCode: 0, name: 'orders', topicId, internal: false, partitions: [partition(0), partition(1)] }
const cluster = { brokers: [{ nodeId: 1, host: '127.0.0.1', port }], clusterId: '5tlpedq2hkTlzhiJ5bjxvQ' }
const refusal = (errorCode: number, errorMessage: string | null) => ({ errorCode, errorMessage })

test('metadata and features', () => {
  const none = { errorCode: 3, name: 'none', topicId: '00000000-0000-0000-0000-000000000000', internal: false, partitions: [] }
  expectExchange('Metadata', metadata, ['orders', 'none'], { ...cluster, topics: [orders, none] })
  expectExchange('Metadata v11', metadata, ['orders'], { ...cluster, topics: [orders] })
  const features = [
    { name: 'group.version', level: 1 },
    { name: 'streams.version', level: 1 },
    { name: 'transaction.version', level: 2 },
    { name: 'eligible.leader.replicas.version', level: 1 },
    { name: 'share.version', level: 1 },
    { name: 'metadata.version', level: 30 },
  ]
  expectExchange('ApiVersions', finalizedFeatures, { name: 'datapipe', version: '1' }, { errorCode: 0, features })
})

test('offsets', () => {
  const found = (number: number, errorCode: number, offset: bigint) => ({ topic: 'orders', partition: number, errorCode, offset })
  expectExchange('ListOffsets', listOffsetsRequest, { isolation: 0, timestamp: -1n, topics: [{ name: 'orders', partitions: [0, 1, 7] }] }, [
    found(7, 3, -1n),
    found(0, 0, 0n),
    found(1, 0, 2n),
  ])
  expectExchange('ListOffsets v6', listOffsetsRequest, { isolation: 1, timestamp: -2n, topics: [{ name: 'orders', partitions: [0] }] }, [
    found(0, 0, 0n),
  ])
  const end = [{ topic: 'orders', partition: 0, errorCode: 0, leaderEpoch: 0, endOffset: 0n }]
  for (const title of ['OffsetForLeaderEpoch', 'OffsetForLeaderEpoch v2']) {
    expectExchange(title, offsetForLeaderEpoch, [{ name: 'orders', partitions: [{ partition: 0, leaderEpoch: 0 }] }], end)
  }
})

test('groups', () => {
  expectExchange('FindCoordinator', findCoordinator, 'readers', [{ ...refusal(0, ''), nodeId: 1, host: '127.0.0.1', port }])
  const partitions = [
    { partition: 0, offset: 5n, metadata: 'mine' },
    { partition: 1, offset: 0n, metadata: '' },
  ]
  expectExchange('OffsetCommit', offsetCommit, { groupId: 'readers', topics: [{ name: 'orders', partitions }] }, [
    { topic: 'orders', partition: 0, errorCode: 0 },
    { topic: 'orders', partition: 1, errorCode: 0 },
  ])
  const offsets = partitions.map((item) => ({ topic: 'orders', errorCode: 0, ...item }))
  expectExchange('OffsetFetch', offsetFetch, 'readers', [{ errorCode: 0, offsets }])
  const groups = [{ groupId: 'readers', protocolType: '', state: 'Empty', type: 'classic' }]
  expectExchange('ListGroups', listGroupsRequest, null, { errorCode: 0, groups })
  expectExchange('ListGroups v4', listGroupsRequest, null, { errorCode: 0, groups })
  expectExchange('DeleteGroups', deleteGroupsRequest, 'readers', [{ groupId: 'readers', errorCode: 0 }])
  expectExchange('DeleteGroups of one that is not there', deleteGroupsRequest, 'nobody', [{ groupId: 'nobody', errorCode: 69 }])
})

test('topics', () => {
  const asked = { name: 'orders', timeoutMs: 30_000 }
  const create = { ...asked, partitions: 2, replicationFactor: 1, configs: { 'retention.ms': '-1' }, validateOnly: false }
  const configs = expect.arrayContaining([
    { name: 'cleanup.policy', value: 'delete' },
    { name: 'retention.ms', value: '-1' },
  ]) as unknown
  expectExchange('CreateTopics', createTopics, create, [{ name: 'orders', ...refusal(0, null), configs }])
  const again = { ...asked, partitions: 1, replicationFactor: -1, configs: {}, validateOnly: true }
  expectExchange('CreateTopics of a topic that is there', createTopics, again, [
    { name: 'orders', ...refusal(36, "Topic 'orders' already exists."), configs: [] },
  ])
  const remove = { topic: 'orders', timeoutMs: 30_000 }
  expectExchange('DeleteRecords', deleteRecordsRequest, { ...remove, partition: 0, offset: 99n }, [{ partition: 0, lowWatermark: -1n, errorCode: 1 }])
  expectExchange('DeleteRecords up to the end', deleteRecordsRequest, { ...remove, partition: 1, offset: 2n }, [
    { partition: 1, lowWatermark: 2n, errorCode: 0 },
  ])
  expectExchange('DeleteTopics', deleteTopicsRequest, { names: ['orders', 'none'], timeoutMs: 30_000 }, [
    { name: 'none', ...refusal(3, 'This server does not host this topic-partition.') },
    { name: 'orders', ...refusal(0, null) },
  ])
})

test('configurations', () => {
  const alter = { type: configResources.topic, name: 'orders', set: {}, remove: [], validateOnly: false }
  expectExchange('IncrementalAlterConfigs', alterConfigs, { ...alter, set: { 'cleanup.policy': 'compact' }, remove: ['retention.ms'] }, [
    refusal(0, null),
  ])
  expectExchange('IncrementalAlterConfigs of no key', alterConfigs, { ...alter, set: { nonsense: '1' }, validateOnly: true }, [
    refusal(40, 'Unknown topic config name: nonsense'),
  ])
  const configs = expect.arrayContaining([
    { name: 'cleanup.policy', value: 'compact', readOnly: false, source: 1, sensitive: false },
    { name: 'retention.ms', value: '604800000', readOnly: false, source: 5, sensitive: false },
  ]) as unknown
  expectExchange('DescribeConfigs', describeConfigs, { type: configResources.topic, names: ['orders'] }, [
    { ...refusal(0, ''), name: 'orders', configs },
  ])
})

test('rights, quotas and users', () => {
  const literal = { resourceType: 2, resourceName: 'orders', patternType: 3, principal: 'User:alice', host: '*', operation: 3, permission: 3 }
  const prefixed = { ...literal, resourceName: 'shop-', patternType: 4, operation: 2, permission: 2 }
  expectExchange('CreateAcls', createAclsRequest, [literal, prefixed], [refusal(0, ''), refusal(0, '')])
  for (const title of ['DescribeAcls', 'DescribeAcls v2']) expectExchange(title, describeAcls, null, { ...refusal(0, ''), acls: [literal, prefixed] })
  const quotas = [
    { entity: [{ type: 'user', name: 'alice' }], values: { producer_byte_rate: 1_048_576 } },
    { entity: [{ type: 'client-id', name: null }], values: { request_percentage: 50.5 } },
  ]
  expectExchange(
    'AlterClientQuotas',
    alterQuotas,
    quotas,
    quotas.map(({ entity }) => ({ ...refusal(0, null), entity })),
  )
  for (const title of ['DescribeClientQuotas', 'DescribeClientQuotas v0']) expectExchange(title, describeQuotas, null, { ...refusal(0, ''), quotas })
  const users = ['datapipe', 'broker'].map((user) => ({ user, credentials: [{ mechanism: 2, iterations: 4096 }] }))
  expectExchange('DescribeUserScramCredentials', describeScramUsers, null, { ...refusal(0, ''), users })
})

test('producers', () => {
  expectExchange('InitProducerId', initProducerId, null, { errorCode: 0, producerId: 0n, producerEpoch: 0 })
  expectExchange('InitProducerId v3', initProducerId, null, { errorCode: 0, producerId: 1n, producerEpoch: 0 })
  const producer = { producerId: 0n, producerEpoch: 0 }
  // Two markers of one producer are answered as one.
  expectExchange('WriteTxnMarkers', writeTxnMarkers, { topic: 'orders', partition: 1, count: 2, producer }, [0])
})

test('every captured exchange was looked at', () => {
  expect([...checked].sort()).toEqual(Object.keys(captured).sort())
})

test('the best version that both speak is taken; without one the broker and both ranges are named', () => {
  expect(pickVersion(listOffsetsRequest, { min: 1, max: 11 }, 'a:1')).toEqual({ key: 2, version: 7, name: 'ListOffsets', flexible: true })
  expect(pickVersion(listOffsetsRequest, { min: 0, max: 6 }, 'a:1').version).toBe(6)
  expect(pickVersion(offsetForLeaderEpoch, { min: 0, max: 3 }, 'a:1')).toMatchObject({ version: 2, flexible: false })
  const unsupported = (message: string) => expect.objectContaining({ code: 'not-supported', path: 'kafka/a:1', message }) as Error
  const pick = (offered: Parameters<typeof pickVersion>[1]) => () => pickVersion(listOffsetsRequest, offered, 'a:1')
  expect(pick({ min: 0, max: 5 })).toThrow(unsupported('broker a:1 offers ListOffsets in versions 0 to 5; version 7 or 6 is needed'))
  expect(pick(undefined)).toThrow(unsupported('broker a:1 offers ListOffsets in no version; version 7 or 6 is needed'))
})
