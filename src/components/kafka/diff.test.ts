import { join } from 'node:path'
import { expect, test } from 'vitest'
import { silentContext } from '../../base/context.ts'
import { openBackup } from '../../repository/open-backup.ts'
import { localStorage } from '../../storage/local.ts'
import { diffKafka } from './diff.ts'
import { type KafkaPart, parseKafkaPart, type TopicPart } from './part.ts'

/** The kept backup of one topic with one record and one group, beside the same one with something changed. */
async function diffWith(spoil: (part: KafkaPart) => void) {
  const backup = await openBackup(localStorage(join(import.meta.dirname, '../../../fixtures/backups/format-1')), 'latest')
  const reader = backup.component('kafka')
  const part = parseKafkaPart(backup.manifest.components.kafka)
  const changed = structuredClone(part)
  spoil(changed)
  const findings = await diffKafka({ kind: 'backup', part, reader }, { kind: 'backup', part: changed, reader }, silentContext(), {
    sides: ['a', 'b'],
  })
  return findings.map(({ severity, code, item, message }) => `${severity} ${code} ${item}: ${message}`)
}

test('a backup beside itself has no finding', async () => {
  expect(await diffWith(() => {})).toEqual([])
})

test.each<[what: string, spoil: (part: KafkaPart) => unknown, finding: string]>([
  [
    'a topic more',
    ({ topics }) => topics.push({ ...(topics[0] as TopicPart), name: 'invoices' }),
    'harm topic-extra invoices: b has a topic invoices that a lacks',
  ],
  [
    'a partition more',
    ({ topics }) => topics[0]?.partitions.push({ ...(topics[0].partitions[0] as TopicPart['partitions'][number]), partition: 1 }),
    'harm partitions-differ orders: 1 partitions in a, 2 in b',
  ],
  ['a group less', ({ groups }) => groups.pop(), 'harm group-missing billing: b has no positions of group billing'],
  [
    'a group more',
    ({ groups }) => groups.push({ ...(groups[0] as KafkaPart['groups'][number]), groupId: 'audit' }),
    'harm group-extra audit: b has positions of a group that a lacks',
  ],
  [
    'a position more of a group',
    ({ groups }) => groups[0]?.offsets.push({ topic: 'orders', partition: 5, offset: 3n, metadata: '' }),
    'harm group-differs billing/orders/5: b has a position (offset 3) that a lacks',
  ],
])('%s on the other side is found', async (_what, spoil, finding) => {
  expect(await diffWith(spoil)).toEqual([finding])
})
