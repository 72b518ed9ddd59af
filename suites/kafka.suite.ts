import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { KafkaConfig } from '../src/base/config.ts'
import { silentContext } from '../src/base/context.ts'
import { waitUntil } from '../src/base/wait-until.ts'
import { connectKafka } from '../src/clients/kafka/kafka-client.ts'
import { listOffsets } from '../src/clients/kafka/list-offsets.ts'
import { createTopic, deleteRecords, deleteTopics } from '../src/clients/kafka/topic-admin.ts'
import {
  assembleKafkaPart,
  backupTopics,
  diffKafka,
  encodeKafkaPart,
  freezeTopics,
  kafkaComponent,
  planRestoreTopics,
  readGroups,
  restoreGroups,
  restoreTopics,
  selectTopics,
  verifyKafka,
} from '../src/components/kafka/index.ts'
import type { KafkaPart } from '../src/components/kafka/part.ts'
import type { ArtifactReader, ArtifactWriter } from '../src/repository/artifact.ts'
import { createArtifactReader } from '../src/repository/artifact-reader.ts'
import { createBackupWriter } from '../src/repository/write-backup.ts'
import { type EmbeddedStack, startEmbeddedStack } from '../src/stack/embedded/index.ts'
import { memoryStorage } from '../src/storage/memory.ts'
import { fillTopics } from './fill-topics.ts'
import { backUp, backupId, newBackup, produceRecords } from './kafka-backups.ts'
import { readEverything } from './kafka-reading.ts'
import { readerOver, spoiledCopy } from './spoiled-kafka.ts'

const context = silentContext()
const topics = ['appended', 'codecs', 'compacted', 'deleted', 'empty', 'gzipped', 'plain', 'transactions']

let stack: EmbeddedStack
let config: KafkaConfig
let kafka: Kafka

beforeAll(async () => {
  stack = await startEmbeddedStack({ components: ['kafka'], context })
  const found = stack.config('file:///unused').kafka
  if (found === undefined) throw new Error('the stack has no kafka')
  config = found
  kafka = new Kafka({ brokers: config.bootstrapServers, logLevel: logLevel.NOTHING })
  await fillTopics(kafka, config)
})

afterAll(async () => {
  await stack?.down()
})

describe('everything backed up, wiped and restored', () => {
  const storage = memoryStorage()
  let part: KafkaPart
  let reader: ArtifactReader
  let before: Awaited<ReturnType<typeof readEverything>>

  beforeAll(async () => {
    before = await readEverything(kafka, topics)
    const writer = await newBackup(storage)
    part = await backUp(config, writer.component('kafka'))
    reader = createArtifactReader(storage, writer.artifacts())
  })

  test('the part survives JSON, and verify finds nothing', async () => {
    const json = JSON.parse(JSON.stringify(encodeKafkaPart(part)))
    expect(kafkaComponent.parsePart(json)).toEqual(part)
    expect(await verifyKafka(part, reader, context)).toEqual([])
  })

  test('what was produced is what the backup counts', () => {
    const count = (name: string) =>
      part.topics.find((topic) => topic.name === name)?.partitions.reduce((sum, { committedRecords }) => sum + committedRecords, 0n)
    expect(Object.fromEntries(topics.map((name) => [name, count(name)]))).toMatchObject({
      appended: 40n,
      codecs: 1000n,
      empty: 0n,
      gzipped: 500n,
      plain: 90n,
      transactions: 66n,
    })
    expect(part.topics.find(({ name }) => name === 'transactions')?.partitions.flatMap(({ aborted }) => aborted).length).toBeGreaterThanOrEqual(6)
  })

  test('the backup and the cluster it came from do not differ', async () => {
    expect(await diffKafka({ kind: 'backup', part, reader }, { kind: 'live', config }, context)).toEqual([])
  })

  test('a restore onto topics with records is refused, and changes nothing', async () => {
    const restore = restoreTopics({ part, reader, config, topics, context })
    await expect(restore).rejects.toMatchObject({ code: 'target-not-empty' })
    await expect(planRestoreTopics({ part, config, topics, context })).rejects.toMatchObject({ code: 'target-not-empty' })
    expect(await diffKafka({ kind: 'backup', part, reader }, { kind: 'live', config }, context)).toEqual([])
  })

  test('wipe prints what it does, does it, and the cluster is empty', async () => {
    const plan = await kafkaComponent.planWipe(config, context)
    expect(plan.filter(({ text }) => text.startsWith('delete topic')).length).toBe(topics.length)
    expect(plan.filter(({ text }) => text.startsWith('delete group')).map(({ text }) => text.split(' ')[2])).toEqual(
      expect.arrayContaining(['behind', 'at-the-end']),
    )
    await kafkaComponent.wipe(config, context)
    expect(await kafkaComponent.identify(config, context)).toMatchObject({ empty: true, identity: part.clusterId })
    await expect(selectTopics(config, context)).rejects.toMatchObject({ code: 'topic-pattern-empty' })
    expect(await readGroups(config, context)).toEqual([])
  })

  test('restore brings back topics, records, configurations and groups: the diff is empty, and kafkajs reads the same', async () => {
    const plan = await planRestoreTopics({ part, config, topics, context })
    expect(plan.steps.map(({ text }) => text).join('\n')).toContain('create topic transactions (2 partitions')
    const { offsetMap, counts, findings } = await restoreTopics({ part, reader, config, topics, context })
    expect(counts).toMatchObject({ topics: topics.length })
    expect(findings).toEqual([])
    const restored = await restoreGroups({ part, offsetMap, config, context })
    expect(restored.counts).toMatchObject({ groups: 3 })
    expect(await diffKafka({ kind: 'backup', part, reader }, { kind: 'live', config }, context)).toEqual([])
    expect(await readEverything(kafka, topics)).toEqual(before)
  })

  test('the groups go on where they were: the one behind reads the same next record, the one at the end none', async () => {
    const groups = await readGroups(config, context)
    const plainEnd = groups.find(({ groupId }) => groupId === 'at-the-end')?.offsets
    expect(plainEnd?.map(({ topic, partition, offset, metadata }) => [topic, partition, offset, metadata])).toEqual([
      ['plain', 0, 30n, 'end of plain'],
      ['plain', 1, 30n, 'end of plain'],
      ['plain', 2, 30n, 'end of plain'],
    ])
  })

  test('a group with a member is named, and nothing else passes for success', async () => {
    const consumer = kafka.consumer({ groupId: 'behind' })
    await consumer.connect()
    await consumer.subscribe({ topics: ['empty'] })
    const joined = new Promise((resolve) => consumer.on('consumer.group_join', resolve))
    await consumer.run({ eachMessage: async () => {} })
    await joined
    const offsetMap = new Map([...Array(3).keys()].map((partition) => [`plain/${partition}`, { runs: new BigInt64Array(3), used: 0, end: 30n }]))
    await expect(restoreGroups({ part, offsetMap, config, context, groups: ['behind', 'at-the-end'] })).rejects.toMatchObject({
      code: 'group-not-applied',
      message: expect.stringMatching(/^1 groups were not applied: behind: /),
    })
    await consumer.disconnect()
  })

  test('a share group, which has no positions to set, and a position in a topic that was not restored, are told', async () => {
    const group = { type: 'classic', protocolType: 'consumer', state: 'Empty' }
    const groups = [
      { ...group, groupId: 'sharing', type: 'share', offsets: [] },
      { ...group, groupId: 'elsewhere', offsets: [{ topic: 'gone', partition: 0, offset: 3n, metadata: '' }] },
    ]
    const { counts, findings } = await restoreGroups({ part: { ...part, groups }, offsetMap: new Map(), config, context })
    expect(counts).toMatchObject({ groups: 0, positions: 0 })
    expect(findings.map(({ code, item }) => `${code} ${item}`)).toEqual([
      'group-kind-not-restored sharing',
      'group-topic-not-restored elsewhere/gone',
    ])
  })

  test('a record changed, dropped, doubled, a header lost, a configuration and a group moved: each is found', async () => {
    const other = await spoiledCopy(part, reader)
    const findings = await diffKafka({ kind: 'backup', part, reader }, { kind: 'backup', ...other }, context, { sides: ['good', 'bad'] })
    const codes = findings.map(({ code, item }) => `${code} ${item}`)
    expect(codes).toContain('record-differs plain/0/3')
    expect(codes).toContain('record-missing plain/1/5')
    expect(codes).toContain('record-extra plain/2/8')
    expect(codes).toContain('config-differs gzipped: retention.ms')
    expect(codes).toContain('topic-missing empty')
    expect(codes).toContain('group-differs at-the-end/plain/2')
    expect(findings.find(({ item }) => item === 'plain/0/3')?.message).toContain('headers')
    expect(codes.length).toBe(6)
  })

  test('an aborted transaction that is recorded as committed, and the other way round, is found although the counts agree', async () => {
    const spoilt = structuredClone(part)
    const partition = spoilt.topics.find(({ name }) => name === 'transactions')?.partitions[0]
    const [first, second] = partition?.aborted.filter(({ producerId }) => producerId === partition.aborted[0]?.producerId) ?? []
    if (first === undefined || second === undefined) throw new Error('one producer has aborted twice')
    // The committed transaction between the two aborted ones, instead of the first of them.
    first.firstOffset = first.lastOffset + 1n
    first.lastOffset = second.firstOffset - 1n
    const findings = await verifyKafka(spoilt, reader, context)
    expect(findings.map(({ code }) => code)).toEqual(['transaction-differs', 'transaction-differs'])
  })

  test('one changed byte in any artifact is found, with artifact, partition and offsets', async () => {
    for (const artifact of reader.artifacts.filter(({ path }) => path.endsWith('.batches'))) {
      const bytes = await reader.readAll(artifact)
      const at = Math.floor(bytes.length / 2)
      bytes[at] = (bytes[at] ?? 0) ^ 1
      const damaged: ArtifactReader = { ...reader, ...readerOver(reader, artifact.path, bytes) }
      const findings = await verifyKafka(part, damaged, context)
      expect(findings).toHaveLength(1)
      expect(findings[0]).toMatchObject({ code: 'artifact-damaged', severity: 'harm', item: artifact.path })
      expect(findings[0]?.message).toMatch(/^[a-z]+\/\d, offsets \d+ to \d+: /)
    }
  })
})

test('a backup that was killed goes on behind what it had stored, and is as good as one in one go', async () => {
  await wipeAll()
  await produceMany('many', 3)
  const storage = memoryStorage()
  const selected = await selectTopics(config, context)
  const first = await createBackupWriter({ storage, context, id: backupId(1) })
  let stored = 0
  const dying: ArtifactWriter = {
    ...first.component('kafka'),
    write: async (path, source) => {
      if (stored++ === 2) throw new Error('killed')
      return first.component('kafka').write(path, source)
    },
  }
  const frozen = await freezeTopics(config, selected, context)
  await expect(backupTopics({ config, topics: selected, frozen, writer: dying, context, lanes: 1 })).rejects.toThrow('killed')
  await produceMany('many', 3)

  const { resumeUnfinished } = await import('../src/repository/unfinished.ts')
  const second = await resumeUnfinished(storage, context)
  if (second === undefined) throw new Error('nothing to resume')
  const offsets: bigint[] = []
  const part = await backUp(config, second.component('kafka'))
  for (const { artifacts } of part.topics.flatMap((topic) => topic.partitions)) offsets.push(...artifacts.map(({ firstOffset }) => firstOffset))
  const reader = createArtifactReader(storage, second.artifacts())
  expect(offsets.filter((offset) => offset === 0n)).toHaveLength(3)
  expect(offsets.length).toBe(5)
  expect(await verifyKafka(part, reader, context)).toEqual([])
  expect(await diffKafka({ kind: 'backup', part, reader }, { kind: 'live', config }, context)).toEqual([])
})

test('records deleted while they were read, and a topic deleted, are harm; what was stored is still good', async () => {
  await wipeAll()
  await produceMany('many', 2, 100)
  await produceMany('other', 1, 100)
  const selected = await selectTopics(config, context)
  const frozen = await freezeTopics(config, selected, context)
  await using client = await connectKafka(config, context)
  await deleteRecords(client, 'many', 1, 60n)
  await deleteTopics(client, ['other'])
  const storage = memoryStorage()
  const writer = await newBackup(storage)
  const backedUp = await backupTopics({ config, topics: selected, frozen, writer: writer.component('kafka'), context })
  expect(backedUp.findings.map(({ severity, code, item }) => [severity, code, item])).toEqual([
    ['harm', 'records-lost', 'many/1'],
    ['harm', 'topic-gone', 'other/0'],
  ])
  const part = assembleKafkaPart(backedUp, [])
  expect(part.topics[0]?.partitions[1]?.gaps).toEqual({ count: 1, offsets: 50n, first: [{ from: 0n, to: 50n, reason: 'deleted' }] })
  expect(await verifyKafka(part, createArtifactReader(storage, writer.artifacts()), context)).toEqual([])
})

test('an open transaction is told, and an aborted one whose marker lies behind the end stays out', async () => {
  await wipeAll()
  await using client = await connectKafka(config, context)
  await createTopic(client, { name: 'open', partitions: 1, replicationFactor: 1, configs: {} })
  await listOffsets(client, new Map([['open', [0]]]), 'latest')
  const [one, two] = ['first', 'second'].map((id) => kafka.producer({ transactionalId: `open-${id}`, idempotent: true, maxInFlightRequests: 1 }))
  await one?.connect()
  await two?.connect()
  const aborting = await one?.transaction()
  const staying = await two?.transaction()
  await aborting?.send({ topic: 'open', messages: [{ key: 'a', value: 'aborted' }] })
  await staying?.send({ topic: 'open', messages: [{ key: 'b', value: 'open' }] })
  await aborting?.abort()

  const selected = await selectTopics(config, context)
  const frozen = await waitUntil(
    async () => {
      const found = await freezeTopics(config, selected, context)
      return found.topics.get('open')?.[0]?.endOffset === 1n && found
    },
    { what: 'the abort marker', timeoutMs: 10_000 },
  )
  expect(frozen.findings.map(({ code, item }) => [code, item])).toEqual([['open-transaction', 'open/0']])
  const storage = memoryStorage()
  const writer = await newBackup(storage)
  const part = assembleKafkaPart(await backupTopics({ config, topics: selected, frozen, writer: writer.component('kafka'), context }), [])
  expect(part.topics[0]?.partitions[0]).toMatchObject({ committedRecords: 0n, endOffset: 1n, aborted: [{ firstOffset: 0n, lastOffset: 0n }] })
  expect(await verifyKafka(part, createArtifactReader(storage, writer.artifacts()), context)).toEqual([])
  await staying?.abort()
  await one?.disconnect()
  await two?.disconnect()
})

test('an existing empty topic is taken; damage stops a restore; a topic with other partitions is refused', async () => {
  await wipeAll()
  await produceMany('many', 2)
  const storage = memoryStorage()
  const writer = await newBackup(storage)
  const part = await backUp(config, writer.component('kafka'))
  const reader = createArtifactReader(storage, writer.artifacts())
  await wipeAll()
  await using client = await connectKafka(config, context)
  await createTopic(client, { name: 'many', partitions: 2, replicationFactor: 1, configs: { 'retention.ms': '7000' } })
  await restoreTopics({ part, reader, config, topics: ['many'], context })
  expect(await diffKafka({ kind: 'backup', part, reader }, { kind: 'live', config }, context)).toEqual([])
  await wipeAll()
  const [first] = reader.artifacts
  if (first === undefined) throw new Error('nothing stored')
  const bytes = await reader.readAll(first)
  bytes[200] = (bytes[200] ?? 0) ^ 4
  const damaged: ArtifactReader = { ...reader, ...readerOver(reader, first.path, bytes) }
  await expect(restoreTopics({ part, reader: damaged, config, topics: ['many'], context })).rejects.toMatchObject({
    code: 'artifact-damaged',
    path: first.path,
  })
  await wipeAll()
  await createTopic(client, { name: 'many', partitions: 3, replicationFactor: 1, configs: {} })
  await expect(restoreTopics({ part, reader, config, topics: ['many'], context })).rejects.toMatchObject({ code: 'partitions-differ' })
})

test('a broker that goes away in the middle of a restore is waited for; nothing is lost or doubled', async () => {
  await wipeAll()
  await produceMany('many', 2, 4000)
  const storage = memoryStorage()
  const writer = await newBackup(storage)
  const part = await backUp(config, writer.component('kafka'))
  const reader = createArtifactReader(storage, writer.artifacts())
  await wipeAll()
  let restarting: Promise<void> | undefined
  const restarts = silentContext({
    emit: (event) => {
      if (event.type === 'progress' && event.done > (event.total ?? 0) / 3) restarting ??= stack.stop('kafka').then(() => stack.start('kafka'))
    },
  })
  await restoreTopics({ part, reader, config, topics: ['many'], context: restarts })
  expect(restarting).toBeDefined()
  await restarting
  expect(await diffKafka({ kind: 'backup', part, reader }, { kind: 'live', config }, context)).toEqual([])
})

test('a server that is down and a pattern that matches nothing are told apart, at once and by name', async () => {
  const nobody: KafkaConfig = { ...config, bootstrapServers: ['127.0.0.1:1'] }
  await expect(selectTopics(nobody, context)).rejects.toMatchObject({ code: 'unreachable', message: expect.stringContaining('127.0.0.1:1') })
  const check = await kafkaComponent.check({ ...config, topics: { include: ['nothing.*'], exclude: [] } }, context)
  expect(check.map(({ name, verdict }) => [name, verdict])).toContainEqual(['topic patterns match', 'fail'])
  expect((await kafkaComponent.check(nobody, context))[0]).toMatchObject({ verdict: 'fail' })
})

const wipeAll = () => kafkaComponent.wipe(config, context)
const produceMany = (topic: string, partitions: number, count?: number) => produceRecords({ config, kafka }, topic, partitions, count)
