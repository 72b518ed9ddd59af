import { join } from 'node:path'
import { expect, test } from 'vitest'
import { silentContext } from '../../base/context.ts'
import { openBackup } from '../../repository/open-backup.ts'
import { localStorage } from '../../storage/local.ts'
import { type KafkaPart, parseKafkaPart } from './part.ts'
import { verifyKafka } from './verify.ts'

/** The kept backup of one record, whose manifest is wrong in one thing: every byte of the files is as it was. */
async function verifyWith(spoil: (part: KafkaPart) => void) {
  const backup = await openBackup(localStorage(join(import.meta.dirname, '../../../fixtures/backups/format-1')), 'latest')
  const part = parseKafkaPart(backup.manifest.components.kafka)
  spoil(part)
  return await verifyKafka(part, backup.component('kafka'), silentContext())
}

const orders = ({ topics }: KafkaPart) => {
  const [topic] = topics
  const [partition] = topic?.partitions ?? []
  const [artifact] = partition?.artifacts ?? []
  if (topic === undefined || partition === undefined || artifact === undefined) throw new Error('the kept backup has one file')
  return { topic, partition, artifact }
}

test('a manifest that says what the files hold has no finding', async () => {
  expect(await verifyWith(() => {})).toEqual([])
})

test.each<[what: string, spoil: (part: KafkaPart) => void, code: string, message: RegExp]>([
  [
    'another number of records in a file',
    (part) => (orders(part).artifact.records = 2n),
    'artifact-differs',
    /^records of orders\/0 is 1 in the file and 2/,
  ],
  ['another last offset of a file', (part) => (orders(part).artifact.lastOffset = 7n), 'artifact-differs', /^lastOffset of orders\/0 is 0/],
  [
    'another schema id',
    (part) => (orders(part).topic.schemaIds.value.ids = [{ id: 8, partition: 0, offset: 0n }]),
    'schema-ids-differ',
    /stored: .* ids 7@0\/0; recorded: .* ids 8@0\/0/,
  ],
  ['another number of framed keys', (part) => (orders(part).topic.schemaIds.key.nulls = 9n), 'schema-ids-differ', /9 null/],
  [
    'records behind the stored ones',
    (part) => (orders(part).partition.endOffset = 5n),
    'offsets-missing',
    /1 gaps over 4 offsets, but 0 over 0 are recorded/,
  ],
  [
    'another number of committed records',
    (part) => (orders(part).partition.committedRecords = 2n),
    'count-differs',
    /^1 committed records stored, 2/,
  ],
])('%s in the manifest is found', async (_what, spoil, code, message) => {
  expect(await verifyWith(spoil)).toEqual([expect.objectContaining({ severity: 'harm', code, message: expect.stringMatching(message) as string })])
})
