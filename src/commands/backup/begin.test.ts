import { expect, test } from 'vitest'
import { configSchema } from '../../base/config.ts'
import { silentContext } from '../../base/context.ts'
import { listBackups } from '../../repository/list-backups.ts'
import { initRepository } from '../../repository/marker.ts'
import { createBackupWriter } from '../../repository/write-backup.ts'
import { memoryStorage } from '../../storage/memory.ts'
import { beginBackup } from './begin.ts'

const killed = '20260101T000000Z-0001'
const context = silentContext()

/** Begins a backup where a killed one has left a file. */
async function begin(fresh: boolean) {
  const storage = memoryStorage()
  await initRepository(storage, context)
  const writer = await createBackupWriter({ storage, context, id: killed })
  await writer.component('registry').write('registry.json', Buffer.from('{}'))
  const begun = await beginBackup({ storage, fresh, config: configSchema.parse({ repository: { url: 'file:///nowhere' } }), context })
  return { begun, left: (await listBackups(storage)).map(({ id }) => id) }
}

test('unfinished work of a killed backup is gone on with', async () => {
  expect((await begin(false)).begun.id).toBe(killed)
})

test('fresh: it is thrown away, and another backup begun', async () => {
  const { begun, left } = await begin(true)
  expect(begun.id).not.toBe(killed)
  expect(left).not.toContain(killed)
})
