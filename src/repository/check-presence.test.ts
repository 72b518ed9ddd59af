import { expect, test } from 'vitest'
import { memoryStorage } from '../storage/memory.ts'
import { checkPresence } from './check-presence.ts'
import { alter, storeTestBackup } from './test-backup.ts'

test('a file that is missing, and one that is short, are found without reading a byte', async () => {
  const storage = memoryStorage()
  const { artifacts } = await storeTestBackup(storage)
  await checkPresence(storage, artifacts)
  const wal = artifacts.find(({ path }) => path.startsWith('wal/'))?.path ?? expect.fail()
  await alter(storage, wal, (bytes) => bytes.subarray(1))
  await expect(checkPresence(storage, artifacts)).rejects.toMatchObject({
    code: 'artifact-damaged',
    path: wal,
    message: expect.stringContaining('99999 bytes, 100000 were written') as string,
  })
  await alter(storage, wal, () => undefined)
  await expect(checkPresence(storage, artifacts)).rejects.toMatchObject({ code: 'wal-gap', path: wal })
  const topic = artifacts.find(({ path }) => path.includes('orders'))?.path ?? expect.fail()
  await alter(storage, topic, () => undefined)
  await expect(checkPresence(storage, artifacts)).rejects.toMatchObject({ code: 'artifact-missing', path: topic })
})
