import { join } from 'node:path'
import { alterClientQuotasV1, alterUserScramCredentialsV0 } from '@platformatic/kafka'
import { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Finding } from '../src/base/finding.ts'
import { runForTest } from '../src/cli/test-cli.ts'
import { createAcls, listAcls, listQuotas } from '../src/clients/kafka/security-admin.ts'
import type { RestoreResult } from '../src/commands/restore.ts'
import type { KafkaPartJson } from '../src/components/kafka/part.ts'
import { readEverything } from './kafka-reading.ts'
import {
  acl,
  admin,
  beside,
  byDriver,
  changeKafkaPart,
  connect,
  datapipe,
  directory,
  expectRefusal,
  findingsOf,
  id,
  kafka,
  modernConsumer,
  ownConfigs,
  restored,
  startCluster,
  stopCluster,
  told,
  topicOf,
  topicsThere,
} from './kafka-restore-cluster.ts'
import { offsetTests } from './kafka-restore-offsets.ts'

/** What a restore of topics may do otherwise than "as it was", each beside the originals on one broker, by the command line. */
beforeAll(startCluster, 120_000)
afterAll(stopCluster)

describe('other names', () => {
  test('a topic is restored beside the original on the living cluster, its group gets the same place there, and the plan says who knows the old name', async () => {
    const before = await readEverything(kafka, ['orders'])
    const dry = await restored(beside(['orders'], '--rename', 'orders=restored.orders', '--dry-run'))
    expect(dry.plan.map(({ text }) => text)).toEqual([
      'create topic restored.orders (3 partitions, replication factor 1, max.message.bytes=2000000, retention.ms=-1)',
      'load 120 records of orders into restored.orders with retention, cleaning and timestamp limits held off, then put its configuration back',
      'set the positions of 2 groups: billing, modern',
    ])
    expect(findingsOf(dry, 'knows-old-name').map(({ item }) => item)).toEqual(['billing', 'modern'])
    expect(await topicsThere()).not.toContain('restored.orders')

    await restored(beside(['orders'], '--rename', '*=restored.*'))
    const after = await readEverything(kafka, ['restored.orders', 'orders'])
    for (const partition of [0, 1, 2]) {
      expect(after[`restored.orders/${partition}`]).toEqual(before[`orders/${partition}`])
      expect(after[`orders/${partition}`]).toEqual(before[`orders/${partition}`])
    }
    const offsets = await admin.fetchOffsets({ groupId: 'billing', topics: ['restored.orders', 'orders'] })
    expect(offsets.flatMap(({ partitions }) => partitions.map(({ offset }) => offset))).toEqual(Array(6).fill('7'))
  })

  test('two topics with one name, a name that is taken, an impossible name, and a rule for nothing are refused', async () => {
    const before = await topicsThere()
    const both = await beside(['orders', 'expiring'], '--rename', '*=one')
    expectRefusal(both, 'rename-refused', 63, { message: /expiring and orders would both be one/, hint: /--rename FROM=TO/ })
    const taken = await beside(['orders'], '--rename', 'orders=throttled')
    expectRefusal(taken, 'target-not-empty', 40, { message: /topic throttled has records/, hint: /wipe/ })
    const like = await beside(['orders'], '--rename', 'orders=restored_orders')
    expectRefusal(like, 'rename-refused', 63, { message: /refuses a topic restored_orders: .*collides with/, hint: /--rename/ })
    const impossible = await beside(['orders'], '--rename', 'orders=or/ders')
    expectRefusal(impossible, 'rename-refused', 63, { message: /is no name for a topic/, hint: /--rename/ })
    const nothing = await beside(['orders'], '--rename', 'order=x')
    expectRefusal(nothing, 'topic-pattern-empty', 64, { message: /matches no topic/, hint: /datapipe show/ })
    const pipeline = await datapipe('restore', id, '--in-place', '--rename', 'orders=x')
    expectRefusal(pipeline, 'usage', 64, { message: /less than a pipeline/, hint: /--only kafka/ })
    expect(await topicsThere()).toEqual(before)
  })

  test('a group with a member is refused before anything is loaded, and left alone when asked', async () => {
    const consumer = kafka.consumer({ groupId: 'billing' })
    await consumer.connect()
    await consumer.subscribe({ topics: ['throttled'] })
    const joined = new Promise((resolve) => consumer.on('consumer.group_join', resolve))
    await consumer.run({ autoCommit: false, eachMessage: async () => {} })
    await joined
    const busy = await beside(['orders'], '--rename', 'orders=busy.orders')
    expectRefusal(busy, 'group-not-applied', 49, { message: /billing \(Stable\)/, hint: /--without-groups/ })
    expect(await topicsThere()).not.toContain('busy.orders')
    await restored(beside(['orders'], '--rename', 'orders=busy.orders', '--without-groups'))
    await consumer.disconnect()
    const offsets = await admin.fetchOffsets({ groupId: 'billing', topics: ['busy.orders'] })
    expect(offsets[0]?.partitions.map(({ offset }) => offset)).toEqual(['-1', '-1', '-1'])
  })
})

describe('another cluster', () => {
  test('fewer brokers than replicas: refused with the option that decides, and done with it; in-sync replicas are lowered, and said', async () => {
    const threeReplicas = (part: KafkaPartJson) => {
      const topic = topicOf(part, 'throttled')
      topic.replicationFactor = 3
      topic.configs['min.insync.replicas'] = '2'
    }
    await changeKafkaPart(threeReplicas, async () => {
      const refused = await beside(['throttled'], '--rename', '*=small.*')
      expectRefusal(refused, 'not-supported', 57, {
        message: /topic small.throttled has 3 replicas, and the cluster 1 brokers/,
        hint: /--replication-factor 1 \(kafka.restore.replicationFactor: 1/,
      })
      const more = await beside(['throttled'], '--rename', '*=small.*', '--replication-factor', '2')
      expectRefusal(more, 'not-supported', 57, { message: /has 2 replicas, and the cluster 1 brokers/, hint: /--replication-factor 1/ })
      const result = await restored(beside(['throttled'], '--rename', '*=small.*', '--replication-factor', '1'))
      expect(findingsOf(result, 'min-insync-lowered')).toMatchObject([
        { severity: 'warning', item: 'small.throttled: min.insync.replicas', next: expect.stringContaining('min.insync.replicas=2') as string },
      ])
    })
    expect(await ownConfigs('small.throttled')).toEqual({ 'min.insync.replicas': '1' })
    const producer = kafka.producer()
    await producer.connect()
    await producer.send({ topic: 'small.throttled', acks: -1, messages: [{ value: 'writable' }] })
    await producer.disconnect()
  })

  test('settings that the target does not take are listed, before and after; the others are set', async () => {
    const foreign = (part: KafkaPartJson) => {
      Object.assign(topicOf(part, 'throttled').configs, {
        'confluent.tier.enable': 'true',
        'remote.storage.enable': 'true',
        'delete.retention.ms': '12345',
      })
    }
    await changeKafkaPart(foreign, async () => {
      const expected = [
        'foreign.throttled: confluent.tier.enable',
        'foreign.throttled: leader.replication.throttled.replicas',
        'foreign.throttled: remote.storage.enable',
      ]
      const dry = await restored(beside(['throttled'], '--rename', '*=foreign.*', '--dry-run'))
      expect(
        findingsOf(dry, 'config-not-applied')
          .map(({ item }) => item)
          .sort(),
      ).toEqual(expected)
      const result = await restored(beside(['throttled'], '--rename', '*=foreign.*'))
      expect(
        findingsOf(result, 'config-not-applied')
          .map(({ item }) => item)
          .sort(),
      ).toEqual(expected)
    })
    expect(await ownConfigs('foreign.throttled')).toEqual({ 'delete.retention.ms': '12345', 'min.insync.replicas': '1' })
  })

  test('an empty topic with another number of partitions is refused, by name and with what would do it', async () => {
    await admin.createTopics({ topics: [{ topic: 'wide.orders', numPartitions: 5, replicationFactor: 1 }], waitForLeaders: true })
    const refused = await beside(['orders'], '--rename', '*=wide.*')
    expectRefusal(refused, 'partitions-differ', 65, {
      message: /topic wide.orders exists with 5 partitions, the backup has 3/,
      hint: /--repartition orders=5/,
    })
  })

  test('what the original retention will delete, and when, is said before and after', async () => {
    const week = (part: KafkaPartJson) => {
      topicOf(part, 'expiring').configs['retention.ms'] = '604800000'
    }
    await changeKafkaPart(week, async () => {
      const words =
        /^retention.ms=604800000 \(7 days\) comes back: at the latest 5 minutes after its restore the broker deletes .* all 1 records of partition 0/
      const dry = await restored(beside(['expiring'], '--rename', '*=week.*', '--dry-run'))
      expect(findingsOf(dry, 'retention-will-delete')).toMatchObject([
        { severity: 'warning', item: 'week.expiring', message: expect.stringMatching(words) as string },
      ])
      const result = await restored(beside(['expiring'], '--rename', '*=week.*'))
      expect(findingsOf(result, 'retention-will-delete')).toMatchObject([{ message: expect.stringMatching(words) as string }])
    })
  })
})

offsetTests()

describe('consumer groups of both protocols', () => {
  test('a group of the new protocol (KIP-848) goes on at its record, whether the target knows the group or not', async () => {
    const groupOf = async () => (await admin.listGroups()).groups.map(({ groupId }) => groupId)
    const topics = ['modern', 'modern-2'].map((target) => `${target}.orders`)
    await restored(beside(['orders'], '--rename', '*=modern.*'))
    expect(await nextOf('modern', topics[0] ?? '')).toEqual([9, 9, 9])
    await admin.deleteGroups(['modern'])
    expect(await groupOf()).not.toContain('modern')
    await restored(beside(['orders'], '--rename', '*=modern-2.*'))
    expect(await groupOf()).toContain('modern')
    expect(await nextOf('modern', topics[1] ?? '')).toEqual([9, 9, 9])
  })

  test('alone, a group of the new protocol goes back on the topic that lives on', async () => {
    await admin.deleteGroups(['modern'])
    await restored(datapipe('restore', id, '--only', 'kafka', '--group', 'modern', '--topic', 'orders'))
    expect(await nextOf('modern', 'orders')).toEqual([9, 9, 9])
  })
})

/** The first offset of each partition that a member of the group gets with the new protocol; it commits nothing. */
async function nextOf(groupId: string, topic: string): Promise<number[]> {
  await using consumer = modernConsumer(groupId)
  const stream = await consumer.consumer.consume({ topics: [topic], mode: 'committed', fallbackMode: 'fail', autocommit: false, maxWaitTime: 200 })
  const first = new Map<number, number>()
  for await (const { partition, offset } of stream) {
    if (!first.has(partition)) first.set(partition, Number(offset))
    if (first.size === 3) break
  }
  return [0, 1, 2].map((partition) => first.get(partition) ?? -1)
}

describe('who may do what', () => {
  const everyAcl = {
    resourceType: AclResourceTypes.ANY,
    resourcePatternType: ResourcePatternTypes.ANY,
    operation: AclOperationTypes.ANY,
    permissionType: AclPermissionTypes.ANY,
  }
  const lists = async () => {
    await using client = await connect()
    return { acls: await listAcls(client), quotas: await listQuotas(client) }
  }

  test('ACLs, quotas and SCRAM users are in the backup, without secrets, and shown', async () => {
    const shown = await datapipe('show', id)
    expect(shown.result, told(shown)).toMatchObject({
      kafka: {
        security: {
          acls: { state: 'listed', entries: [acl('LITERAL', 'invoices', 'READ'), acl('PREFIXED', 'shop-', 'ALL')] },
          quotas: {
            state: 'listed',
            entries: expect.arrayContaining([{ entity: [{ type: 'client-id', name: null }], values: { request_percentage: 50.5 } }]) as unknown,
          },
          scramUsers: { state: 'listed', entries: [{ user: 'alice', credentials: [{ mechanism: 'SCRAM-SHA-512', iterations: 8192 }] }] },
        },
      },
    })
    const { stdout } = await runForTest(['--config', join(directory, 'datapipe.yaml'), 'show', id])
    expect(stdout).toMatch(/ACLs +ALLOW User:alice READ TOPIC invoices; ALLOW User:alice ALL TOPIC shop-/)
    expect(stdout).toMatch(/SCRAM users, without their secrets +alice \(SCRAM-SHA-512\)/)
  })

  test('what the target lacks of them is said, and set when asked; users never are', async () => {
    const before = await lists()
    await admin.deleteAcls({ filters: [{ ...everyAcl, resourceName: 'invoices' }] })
    const gone = [
      { entities: [{ entityType: 'user', entityName: 'alice' }], ops: [{ key: 'producer_byte_rate', remove: true }] },
      { entities: [{ entityType: 'client-id', entityName: null }], ops: [{ key: 'request_percentage', remove: true }] },
    ]
    await byDriver(alterClientQuotasV1.api, gone as never, false)
    await byDriver(alterUserScramCredentialsV0.api, [{ name: 'alice', mechanism: 2 }] as never, [])

    const told = await restored(datapipe('restore', id, '--only', 'kafka', '--in-place', '--rename', '*=rights.*', '--dry-run'))
    const messages = (result: RestoreResult) => Object.fromEntries(result.findings.map(({ code, message }) => [code, message]))
    expect(messages(told)).toMatchObject({
      'acls-not-restored': 'the target lacks ALLOW User:alice READ on TOPIC invoices: --acls sets them',
      'quotas-not-restored': expect.stringContaining(
        'request_percentage=50.5 of client-id (default); producer_byte_rate=1048576 of user alice',
      ) as string,
      'users-not-restored': expect.stringContaining('alice (SCRAM-SHA-512): a broker tells nobody') as string,
    })
    const result = await restored(beside(['empty'], '--rename', '*=rights.*', '--acls'))
    expect(result.plan.map(({ text }) => text)).toContain('create the ACL ALLOW User:alice READ on TOPIC invoices')
    expect(result.outcomes).toContainEqual(expect.objectContaining({ counts: { acls: 1, quotas: 2 } }))
    expect(Object.keys(messages(result))).toEqual(['users-not-restored'])
    expect(await lists()).toEqual(before)
  })

  test('a cluster that does not let us look is a warning of the backup', async () => {
    await using client = await connect()
    const cluster = { resourceType: 'CLUSTER', principal: 'User:ANONYMOUS' }
    await createAcls(client, [
      acl('LITERAL', 'kafka-cluster', 'ALL', cluster),
      acl('LITERAL', 'kafka-cluster', 'DESCRIBE', { ...cluster, permission: 'DENY' }),
    ])
    try {
      const backup = await datapipe('backup', '--label', 'blind')
      const { findings } = backup.result as { findings: Finding[] }
      expect(
        findings.filter(({ code }) => code === 'security-not-listed').map(({ severity, item }) => [severity, item]),
        told(backup),
      ).toEqual([
        ['warning', 'ACLs'],
        ['warning', 'SCRAM users'],
      ])
    } finally {
      await admin.deleteAcls({ filters: [{ ...everyAcl, principal: 'User:ANONYMOUS' }] })
    }
  })
})
