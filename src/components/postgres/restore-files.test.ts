import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { silentContext } from '../../base/context.ts'
import { createArtifactReader } from '../../repository/artifact-reader.ts'
import { createBackupWriter } from '../../repository/write-backup.ts'
import { memoryStorage } from '../../storage/memory.ts'
import { compressed } from './compression.ts'
import type { PostgresPart } from './part.ts'
import { unpackWal } from './restore-files.ts'

test('regression: a changed byte is damage of a named file, wherever it is: the decompressor may see it before the checksum', async () => {
  const context = silentContext()
  const directory = await mkdtemp(join(tmpdir(), 'datapipe-unpack-'))
  const name = '000000010000000000000001'
  // Larger than what is read ahead, and compressible: otherwise the checksum is known first.
  const plain = Buffer.from(randomBytes(3 << 20).toString('hex'))
  const chunks: Uint8Array[] = []
  for await (const chunk of compressed(Readable.from([plain]), context.signal)) chunks.push(chunk)
  const stored = Buffer.concat(chunks)
  try {
    for (let at = 0; at < stored.length; at += Math.ceil(stored.length / 6)) {
      const storage = memoryStorage()
      const writer = await createBackupWriter({ storage, context, id: '20261125T030000Z-0001' })
      const artifact = await writer.component('postgres').writeShared(`wal/1/${name}.zst`, stored)
      const changed = Buffer.from(stored)
      changed[at] = (changed[at] ?? 0) ^ 0x10
      await storage.remove(artifact.path)
      await storage.put(artifact.path, [changed])
      const part = { wal: { histories: [], segments: [{ name, artifact }] } } as unknown as PostgresPart
      const work = unpackWal(join(directory, 'wal'), { part, reader: createArtifactReader(storage, [artifact]), owner: undefined, context })
      await expect(work, `byte ${at}`).rejects.toMatchObject({ code: 'artifact-damaged', path: artifact.path })
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})
