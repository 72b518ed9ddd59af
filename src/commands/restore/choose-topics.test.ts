import { expect, test } from 'vitest'
import type { ConnectPart } from '../../components/connect/part.ts'
import type { KafkaPart } from '../../components/kafka/part.ts'
import type { RegistryPart } from '../../components/registry/part.ts'
import { chooseTopics } from './choose-topics.ts'

const names = ['orders', 'connect-configs', 'connect-offsets', 'connect-status', 'kafkasql-journal', 'kafkasql-snapshots']
const part = { topics: names.map((name) => ({ name })) } as unknown as KafkaPart
const registry = { topic: { name: 'kafkasql-journal', mustBeEmpty: ['kafkasql-snapshots'] } } as unknown as RegistryPart
const connect = { internalTopics: { config: 'connect-configs', offset: 'connect-offsets', status: 'connect-status' } } as unknown as ConnectPart

test('servers that run keep their topics: the raw records stay in the backup', () => {
  const choice = chooseTopics({ part, registry, connect, registryRaw: false, workersDown: false })
  expect(choice).toEqual({ registry: [], workers: [], data: ['orders'], evidence: [...names.slice(4), ...names.slice(1, 4)] })
})

test('servers that are down get them raw, before they start', () => {
  const choice = chooseTopics({ part, registry, connect, registryRaw: true, workersDown: true })
  expect(choice).toEqual({ registry: names.slice(4), workers: names.slice(1, 4), data: ['orders'], evidence: [] })
})

test('a topic whose owner is in the backup is never data', () => {
  expect(chooseTopics({ part, registry, connect, registryRaw: false, workersDown: true }).data).toEqual(['orders'])
})
