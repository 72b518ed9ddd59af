import { existsSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { waitUntil } from '../src/base/wait-until.ts'
import { commitEnd, startBench } from './postgres-backup.ts'

test('a segment that never came into the archive is a wal-gap of the backup', async () => {
  await using bench = await startBench('directory')
  const { client, server } = bench
  await client.query('CREATE TABLE t (a int)')
  const backup = bench.backUp(async () => {
    await client.query('INSERT INTO t VALUES (1); SELECT pg_switch_wal(); INSERT INTO t VALUES (2); SELECT pg_switch_wal()')
    const [row] = await client.query<{ name: string; system: string }>(
      'SELECT pg_walfile_name(pg_current_wal_lsn() - 16 * 1024 * 1024 * 2) AS name, system_identifier::text AS system FROM pg_control_system()',
    )
    const segment = join(server.archiveDirectory, row?.system ?? '', '00000001', row?.name ?? '')
    await waitUntil(() => existsSync(segment), { what: segment, timeoutMs: 30_000 })
    await rm(segment)
    return commitEnd(client)
  })
  await expect(backup).rejects.toMatchObject({ code: 'wal-gap' })
})

test('a record of the base backup that cannot be read in the archive breaks the backup', async () => {
  await using bench = await startBench('directory')
  const { client, server } = bench
  const backup = bench.backUp(async () => {
    // The base backup begins and ends in the segment before this one, right behind the header of its first page.
    const [row] = await client.query<{ name: string; system: string }>(
      'SELECT pg_walfile_name(pg_current_wal_lsn() - 16 * 1024 * 1024 + 100) AS name, system_identifier::text AS system FROM pg_control_system()',
    )
    const segment = join(server.archiveDirectory, row?.system ?? '', '00000001', row?.name ?? '')
    await waitUntil(() => existsSync(segment), { what: segment, timeoutMs: 60_000 })
    const bytes = await readFile(segment)
    bytes[0x28 + 30] = (bytes[0x28 + 30] ?? 0) ^ 1
    await writeFile(segment, bytes)
    await client.query('CREATE TABLE t (a int)')
    return commitEnd(client)
  })
  await expect(backup).rejects.toMatchObject({ code: 'archive-broken', message: expect.stringContaining('the WAL of the base backup') })
})
