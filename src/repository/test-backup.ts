import { silentContext } from '../base/context.ts'
import type { DatapipeEvent } from '../base/events.ts'
import type { Storage } from '../storage/storage.ts'
import type { Manifest } from './manifest.ts'
import { initRepository } from './marker.ts'
import { type BackupWriter, createBackupWriter } from './write-backup.ts'

/** For tests: a manifest that lists what `writer` has stored. */
export function manifestOf(writer: BackupWriter, changes: Partial<Manifest> = {}): Manifest {
  return {
    format: 1,
    id: writer.id,
    createdBy: 'datapipe test',
    startedAt: '2026-11-25T03:00:00.000Z',
    finishedAt: '2026-11-25T03:01:00.000Z',
    complete: true,
    recoveryPoint: { name: 'test', kind: 'no-connector', takenAt: '2026-11-25T03:00:30.000Z' },
    components: { kafka: { topics: [] } },
    findings: [],
    phases: [],
    artifacts: writer.artifacts(),
    ...changes,
  }
}

/** For tests: a repository with one finished backup of two Kafka files and one WAL segment. */
export async function storeTestBackup(storage: Storage, id = '20261125T030000Z-0001', changes: Partial<Manifest> = {}): Promise<Manifest> {
  const context = silentContext()
  await initRepository(storage, context)
  const writer = await createBackupWriter({ storage, context, id })
  const kafka = writer.component('kafka')
  await kafka.write('orders/0', Buffer.alloc(200_000, 'orders'))
  await kafka.write('orders/1', Buffer.from('second partition'))
  await writer.component('postgres').writeShared('wal/1/000000010000000000000001', Buffer.alloc(100_000, 'w'))
  const manifest = manifestOf(writer, changes)
  await writer.commit(manifest)
  return manifest
}

/** For tests: a context that keeps what was emitted. */
export function recordingContext() {
  const events: DatapipeEvent[] = []
  return { events, context: silentContext({ emit: (event) => void events.push(event) }) }
}

/** For tests: replaces a stored object by what `change` makes of it; undefined removes it. */
export async function alter(storage: Storage, path: string, change: (bytes: Buffer) => Buffer | undefined): Promise<void> {
  const chunks: Uint8Array[] = []
  for await (const chunk of storage.get(path)) chunks.push(chunk)
  const changed = change(Buffer.concat(chunks))
  await storage.remove(path)
  if (changed !== undefined) await storage.put(path, [changed])
}

/** For tests: flips one bit in the middle. */
export function flipped(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes)
  const middle = copy.byteLength >> 1
  copy[middle] = (copy[middle] ?? 0) ^ 1
  return copy
}
