import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { connectPostgres } from '../src/clients/postgres.ts'
import { restorePostgres } from '../src/components/postgres/restore.ts'
import { walArtifactPath } from '../src/components/postgres/wal-segment.ts'
import { commitEnd, startBench, startWriter } from './postgres-backup.ts'

describe.each(['directory', 'receive'] as const)('archive mode %s', (mode) => {
  test('a server that was destroyed comes back at exactly the recovery point, while a writer went on', async () => {
    await using bench = await startBench(mode)
    const { client, server, config } = bench
    await client.query('CREATE TABLE ledger (id bigserial PRIMARY KEY, n int)')
    await client.query('INSERT INTO ledger (n) SELECT generate_series(1, 20000)')
    const writer = startWriter(server.url, 'ledger')
    let expected: unknown[] = []
    const backed = await bench.backUp(async () => {
      await writer.stop()
      await client.query('INSERT INTO ledger (n) VALUES (777)')
      expected = await client.query('SELECT id, n FROM ledger ORDER BY id')
      const lsn = await commitEnd(client)
      // Back to back: the next commit begins where the last one ended.
      await client.query('INSERT INTO ledger (n) VALUES (888)')
      return lsn
    })
    await client.query('INSERT INTO ledger (n) VALUES (999)')
    await client[Symbol.asyncDispose]()
    await server.stop('immediate')
    await rm(server.dataDirectory, { recursive: true })

    for (let round = 1; round <= 2; round++) {
      await using restored = await restorePostgres({ ...backed, config, context: bench.context })
      expect(await restored.query('SELECT id, n FROM ledger ORDER BY id')).toEqual(expected)
      expect(restored.lastTransaction()?.xid).toBeGreaterThan(700n)
      const { confirmedFlushLsn } = await restored.createLogicalSlot('debezium', 'pgoutput', 'postgres')
      expect(confirmedFlushLsn).toBeLessThanOrEqual(await restored.flushLsn())
      const findings = await restored.release({ start: () => server.start() })
      expect(findings).toMatchObject([{ code: 'archiving-off' }])
      await using after = await connectPostgres(server.url)
      expect(await after.query("SELECT slot_name::text, active FROM pg_replication_slots WHERE slot_type = 'logical'")).toEqual([
        { slot_name: 'debezium', active: false },
      ])
      expect(await after.query('SELECT pg_walfile_name(pg_current_wal_lsn()) < $1 AS first', ['00000002'])).toEqual([{ first: false }])
      expect(await readFile(join(server.dataDirectory, 'postgresql.auto.conf'), 'utf8')).not.toMatch(/recovery|restore_command/)
      await after[Symbol.asyncDispose]()
      await server.stop('immediate')
      await rm(server.dataDirectory, { recursive: true })
    }
  })
})

test('a missing WAL segment is refused before anything is touched, a changed byte is damage, and both leave the target empty', async () => {
  await using bench = await startBench('directory')
  const { client, server, config, context } = bench
  await client.query('CREATE TABLE t (a int)')
  const backed = await bench.backUp(async () => {
    await client.query('INSERT INTO t VALUES (1)')
    return commitEnd(client)
  })
  await expect(restorePostgres({ ...backed, config, context })).rejects.toMatchObject({
    code: 'target-not-empty',
    message: expect.stringContaining('runs on'),
  })
  await client[Symbol.asyncDispose]()
  await server.stop('immediate')
  await expect(restorePostgres({ ...backed, config, context })).rejects.toMatchObject({ code: 'target-not-empty' })
  await rm(server.dataDirectory, { recursive: true })

  const name = backed.part.wal.segments.at(-1)?.name ?? ''
  const segment = join(bench.repository, walArtifactPath(backed.part.server.systemIdentifier, name))
  const bytes = await readFile(segment)
  await rm(segment)
  await expect(restorePostgres({ ...backed, config, context })).rejects.toMatchObject({ code: 'wal-gap', message: expect.stringContaining(name) })
  expect(await readdir(server.directory)).not.toContain('data')
  await writeFile(segment, bytes)

  const base = join(bench.repository, backed.part.base.archives[0]?.artifact.path ?? '')
  const whole = await readFile(base)
  const damaged = Buffer.from(whole)
  damaged[damaged.length - 100] = (damaged[damaged.length - 100] ?? 0) ^ 1
  await writeFile(base, damaged)
  await expect(restorePostgres({ ...backed, config, context })).rejects.toMatchObject({ code: 'artifact-damaged' })
  expect(await readdir(server.directory)).not.toContain('data')
  expect(await readdir(server.directory)).not.toContain('data.datapipe-wal')

  await writeFile(base, whole)
  await using restored = await restorePostgres({ ...backed, config, context })
  expect(await restored.query('SELECT a FROM t')).toEqual([{ a: 1 }])
})
