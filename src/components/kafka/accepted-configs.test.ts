import { expect, test } from 'vitest'
import { DatapipeError } from '../../base/errors.ts'
import { KafkaFailure } from '../../clients/kafka/failure.ts'
import { acceptConfigs } from './accepted-configs.ts'

const settings = new Map<string, string | null>([
  ['retention.ms', '604800000'],
  ['segment.bytes', '1073741824'],
  ['min.insync.replicas', '1'],
  ['leader.replication.throttled.replicas', ''],
])

/** A cluster that wants segments of a megabyte at least. */
const attempt = async (configs: Record<string, string>) => {
  if (Number(configs['segment.bytes'] ?? 1048576) >= 1048576) return
  const cause = new KafkaFailure('Invalid value 100 for configuration segment.bytes', { kafkaCode: 40, retriable: false })
  throw new DatapipeError('server-refused', cause.message, { cause })
}

test('unknown, refused and per-broker settings are left out, each with its reason; the rest is kept', async () => {
  const wanted = {
    'confluent.tier.enable': 'true',
    'leader.replication.throttled.replicas': '0:3,1:4',
    'retention.ms': '5000',
    'segment.bytes': '100',
  }
  const { configs, findings } = await acceptConfigs({ topic: 'orders', wanted, replicationFactor: 1, settings, attempt })
  expect(configs).toEqual({ 'retention.ms': '5000' })
  expect(findings.map(({ code, item, message }) => `${code} ${item}: ${message.split(': ')[1]}`)).toEqual([
    'config-not-applied orders: confluent.tier.enable: the brokers know no such setting',
    'config-not-applied orders: leader.replication.throttled.replicas: it names brokers of the source cluster',
    'config-not-applied orders: segment.bytes: Invalid value 100 for configuration segment.bytes',
  ])
})

test('another failure than a refused setting is not taken for one', async () => {
  const down = async () => {
    throw new KafkaFailure('down', { retriable: true })
  }
  await expect(acceptConfigs({ topic: 'a', wanted: {}, replicationFactor: 1, settings, attempt: down })).rejects.toThrow('down')
})

test.each([
  [{ 'min.insync.replicas': '2' }, settings, 'as in the backup'],
  [{}, new Map([['min.insync.replicas', '2']]), "the brokers' default"],
])('more in-sync replicas than replicas: lowered, and said (%#)', async (wanted, known, origin) => {
  const { configs, findings } = await acceptConfigs({ topic: 'orders', wanted, replicationFactor: 1, settings: known, attempt })
  expect(configs).toEqual({ 'min.insync.replicas': '1' })
  expect(findings).toMatchObject([
    { code: 'min-insync-lowered', severity: 'warning', message: expect.stringContaining(`1 instead of 2 (${origin})`) as string },
  ])
})

test('enough replicas: kept without a word', async () => {
  const wanted = { 'min.insync.replicas': '2' }
  expect(await acceptConfigs({ topic: 'orders', wanted, replicationFactor: 3, settings, attempt })).toEqual({ configs: wanted, findings: [] })
})
