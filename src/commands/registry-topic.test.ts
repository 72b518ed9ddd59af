import { join } from 'node:path'
import { expect, test } from 'vitest'
import { silentContext } from '../base/context.ts'
import { openBackup } from '../repository/open-backup.ts'
import { localStorage } from '../storage/local.ts'
import { compareRegistryTopic } from './registry-topic.ts'
import { partsOf } from './restore/parts.ts'

test('a topic that no Confluent registry of a known kind writes is a warning of what was not compared', async () => {
  const backup = await openBackup(localStorage(join(import.meta.dirname, '../../fixtures/backups/format-1')), 'latest')
  const { kafka, registry } = partsOf(backup)
  if (kafka === undefined || registry === undefined) throw new Error('the kept backup has both')
  const compared = (name: string) =>
    compareRegistryTopic({
      parts: { kafka, registry: { ...registry, topic: { ...registry.topic, name } } },
      kafka: backup.component('kafka'),
      registry: backup.component('registry'),
      context: silentContext(),
    })
  expect(await compared('_schemas')).toEqual([])
  // One record, of an order.
  expect(await compared('orders')).toEqual([
    expect.objectContaining({ severity: 'warning', code: 'registry-not-compared', component: 'registry', item: 'orders' }),
  ])
})
