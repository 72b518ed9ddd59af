import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { faultyStorage } from './faulty.ts'
import { localStorage } from './local.ts'
import { memoryStorage } from './memory.ts'
import { storageContract } from './storage-contract.ts'

const directories: string[] = []
async function directory(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'datapipe-storage-'))
  directories.push(made)
  return made
}
afterAll(async () => {
  for (const made of directories) await rm(made, { recursive: true, force: true })
})

storageContract('memory', async () => memoryStorage())
storageContract('local directory', async () => localStorage(join(await directory(), 'not', 'yet', 'there')))
storageContract('faulty without a fault', async () => faultyStorage(memoryStorage(), {}))
