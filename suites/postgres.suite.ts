import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { appendFile, chown, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { silentContext } from '../src/base/context.ts'
import { connectPostgres } from '../src/clients/postgres.ts'
import { diffPostgres, restorePostgres, verifyPostgres, withScratchServer } from '../src/components/postgres/index.ts'
import { walArtifactPath } from '../src/components/postgres/wal-segment.ts'
import { commitEnd, startBench, startWriter } from './postgres-backup.ts'

describe.each([
  ['directory', 'zstd'],
  ['receive', 'lz4'],
] as const)('archive mode %s, compression %s', (mode, compression) => {
  test('a server that was destroyed comes back at exactly the recovery point, while a writer went on', async () => {
    await using bench = await startBench(mode, {}, compression)
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

    expect(backed.part.base.archives.map(({ artifact }) => artifact.path.split('.').slice(1).join('.'))).toEqual([
      compression === 'lz4' ? 'tar.lz4' : 'tar.zst',
    ])
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

test('verify finds nothing in a good backup, and names a missing segment, a changed byte and a short chain', async () => {
  await using bench = await startBench('directory')
  const { client, context } = bench
  await client.query('CREATE TABLE t (a int)')
  const backed = await bench.backUp(async () => {
    for (let round = 0; round < 3; round++) await client.query('INSERT INTO t VALUES (1); SELECT pg_switch_wal()')
    return commitEnd(client)
  })
  const { part, reader, recoveryPoint } = backed
  const verify = (changed = part) => verifyPostgres(changed, reader, recoveryPoint, context)
  expect(await verify()).toEqual([])
  expect(part.wal.segments.length).toBeGreaterThanOrEqual(4)

  const [, second, third] = part.wal.segments
  const short = { ...part, wal: { ...part.wal, segments: part.wal.segments.filter((segment) => segment !== second) } }
  expect(await verify(short)).toMatchObject([{ code: 'wal-gap', item: second?.name }])
  const beyond = { ...part, wal: { ...part.wal, reachesLsn: part.base.stopLsn } }
  expect(await verify(beyond)).toMatchObject([{ code: 'wal-gap', message: expect.stringContaining('beyond the stored WAL') }])

  const file = (path = '') => join(bench.repository, path)
  const spoil = async (path: string | undefined, at: number) => {
    const bytes = await readFile(file(path))
    bytes[at < 0 ? bytes.length + at : at] = (bytes.at(at) ?? 0) ^ 1
    await writeFile(file(path), bytes)
  }
  await rm(file(second?.artifact.path))
  await spoil(third?.artifact.path, -1)
  await spoil(part.base.archives[0]?.artifact.path, 50_000)
  await spoil(part.base.control.path, 100)
  expect(await verify()).toMatchObject([
    { code: 'artifact-damaged', item: part.base.archives[0]?.artifact.path },
    { code: 'artifact-damaged', item: part.base.control.path },
    { code: 'wal-gap', message: expect.stringContaining(second?.name ?? '') },
    { code: 'artifact-damaged', item: third?.artifact.path },
  ])
})

test('verify compares every file in the archives with the list that the server made of them', async () => {
  await using bench = await startBench('directory')
  const { client, context } = bench
  await client.query("CREATE TABLE t AS SELECT 'a row' AS text FROM generate_series(1, 1000); CHECKPOINT")
  const [table] = await client.query<{ path: string }>("SELECT pg_relation_filepath('t') AS path")
  const { part, reader, recoveryPoint } = await bench.backUp(() => commitEnd(client))
  const [archive] = part.base.archives
  const path = join(bench.repository, archive?.artifact.path ?? '')
  const plain = zstdDecompressSync(await readFile(path))
  // Stored anew, so that nothing but the contents of one file differs: the archive and its SHA-256 are sound.
  plain[plain.indexOf('a row')] = 0x41
  const bytes = zstdCompressSync(plain)
  await writeFile(path, bytes)
  if (archive !== undefined) Object.assign(archive.artifact, { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') })
  expect(await verifyPostgres(part, reader, recoveryPoint, context)).toMatchObject([
    { code: 'artifact-damaged', item: part.base.backupManifest.path, message: expect.stringContaining(`${table?.path} has another CRC32C`) },
  ])
})

test('what a plain server has beside tables comes back: tablespaces, leftovers of an earlier recovery, a prepared transaction told', async () => {
  await using bench = await startBench('directory')
  const { client, server, config, context } = bench
  const space = join(server.directory, 'space')
  await mkdir(space)
  if (process.getuid?.() === 0) await chown(space, 65534, 65534)
  await client.query(`CREATE TABLESPACE elsewhere LOCATION '${space}'`)
  await client.query("ALTER SYSTEM SET recovery_target_name = 'left behind'")
  await client.query('CREATE TABLE far (a int) TABLESPACE elsewhere')
  await client.query('INSERT INTO far SELECT generate_series(1, 1000)')
  await client.query("BEGIN; CREATE TABLE half (a int); PREPARE TRANSACTION 'undecided'")
  const backed = await bench.backUp(async () => {
    await client.query('INSERT INTO far VALUES (1001)')
    return commitEnd(client)
  })
  const url = server.url
  // Beside a live server: nothing of it is touched.
  const differences = await withScratchServer({ ...backed, config, context }, (scratch) => diffPostgres(scratch.url, url, context))
  expect(differences).toEqual([])
  await client.query('UPDATE far SET a = -1 WHERE a = 5')
  expect(await withScratchServer({ ...backed, config, context }, (scratch) => diffPostgres(scratch.url, url, context))).toMatchObject([
    { code: 'row-extra', message: 'only live has (-1)' },
    { code: 'row-missing', message: 'only backup has (5)' },
  ])
  expect((await readdir(server.directory)).filter((name) => name.includes('scratch'))).toEqual([])

  await client[Symbol.asyncDispose]()
  await server.stop('immediate')
  await rm(server.dataDirectory, { recursive: true })
  await expect(restorePostgres({ ...backed, config, context })).rejects.toMatchObject({ code: 'target-not-empty', path: space })
  await rm(space, { recursive: true })
  await expect(restorePostgres({ ...backed, config, context })).rejects.toMatchObject({
    code: 'prepared-transactions',
    message: expect.stringContaining('undecided'),
  })
  await using restored = await restorePostgres({ ...backed, config, context, rollbackPrepared: true })
  expect(await restored.query('SELECT count(*)::int AS rows FROM far')).toEqual([{ rows: 1001 }])
  await restored.createLogicalSlot('debezium', 'pgoutput', 'postgres')
})

test('a restored server can be backed up and restored again, on its own timeline, without taking a number twice', async () => {
  await using bench = await startBench('directory')
  const { server, config, context } = bench
  await bench.client.query('CREATE TABLE t (a int)')
  const first = await bench.backUp(async () => {
    await bench.client.query('INSERT INTO t VALUES (1)')
    return commitEnd(bench.client)
  })
  await bench.client[Symbol.asyncDispose]()
  const destroy = async () => {
    await server.stop('immediate')
    await rm(server.dataDirectory, { recursive: true })
  }
  await destroy()
  {
    await using restored = await restorePostgres({ ...first, config, context })
    expect(await restored.release({ resumeArchiving: true })).toEqual([])
  }
  await using client = await connectPostgres(server.url)
  const second = await bench.backUp(async () => {
    await client.query('INSERT INTO t VALUES (2)')
    return commitEnd(client)
  })
  expect(second.part.base.timeline).toBe(2)
  await client[Symbol.asyncDispose]()
  for (const [backed, rows, timeline] of [
    [second, [{ a: 1 }, { a: 2 }], 3],
    [first, [{ a: 1 }], 3],
  ] as const) {
    await destroy()
    await using restored = await restorePostgres({ ...backed, config, context })
    expect(await restored.query('SELECT a FROM t ORDER BY a')).toEqual(rows)
    expect(await restored.query('SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8) AS timeline')).toEqual([{ timeline: `0000000${timeline}` }])
    await restored.release()
  }
  const never = bench.backUp(() => Promise.reject(new Error('this far')))
  await expect(never).rejects.toMatchObject({ code: 'archive-broken', message: expect.stringContaining('archive_command is empty') })
})

test('a server whose configuration lies outside its data directory (Debian) comes back with it', async () => {
  await using bench = await startBench('receive', {}, 'client-zstd')
  const { server, config, context } = bench
  const etc = join(server.directory, 'etc')
  await bench.client[Symbol.asyncDispose]()
  await server.stop()
  await mkdir(etc)
  for (const name of ['postgresql.conf', 'pg_hba.conf', 'pg_ident.conf']) await rename(join(server.dataDirectory, name), join(etc, name))
  await appendFile(join(etc, 'postgresql.conf'), `data_directory = '${server.dataDirectory}'\nmax_connections = 150\n`)
  const owner = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}
  const start = ['-D', etc, '-w', '-l', join(server.directory, 'server.log'), 'start']
  await new Promise((resolve) => spawn(join(server.bin, 'pg_ctl'), start, { stdio: 'ignore', cwd: server.directory, ...owner }).once('exit', resolve))
  const backed = await (async () => {
    await using client = await connectPostgres(server.url)
    await client.query('CREATE TABLE t (a int)')
    return await bench.backUp(async () => {
      await client.query('INSERT INTO t VALUES (1)')
      return commitEnd(client)
    })
  })()
  expect(backed.part.base.configFiles.map(({ path }) => path)).toEqual(
    ['postgresql.conf', 'pg_hba.conf', 'pg_ident.conf'].map((name) => join(etc, name)),
  )
  expect(backed.part.base.findings).toMatchObject([{ code: 'config-outside' }, { code: 'config-outside' }, { code: 'config-outside' }])
  await server.stop('immediate')
  await rm(server.dataDirectory, { recursive: true })
  await using restored = await restorePostgres({ ...backed, config, context })
  expect(await restored.query('SELECT a FROM t')).toEqual([{ a: 1 }])
  await restored.release()
  await using client = await connectPostgres(server.url)
  expect(await client.query('SHOW max_connections')).toEqual([{ max_connections: '150' }])
})

test('an interrupted restore stops its server and leaves the target empty', async () => {
  await using bench = await startBench('directory')
  const { server, config, client } = bench
  await client.query('CREATE TABLE t AS SELECT generate_series(1, 200000) AS a')
  const backed = await bench.backUp(() => commitEnd(client))
  await client[Symbol.asyncDispose]()
  await server.stop('immediate')
  await rm(server.dataDirectory, { recursive: true })
  for (const task of ['unpack WAL', 'unpack base backup', 'postgres: recover']) {
    const controller = new AbortController()
    const context = silentContext({
      signal: controller.signal,
      emit: (event) => {
        // Until the last byte is there, and durable, no server can be started on it.
        if (event.type === 'progress' && event.task === 'unpack base backup') {
          expect(existsSync(join(server.dataDirectory, 'global', 'pg_control'))).toBe(false)
        }
        if ((event.type === 'progress' && event.task === task) || (event.type === 'phase' && event.name === task)) controller.abort()
      },
    })
    await expect(restorePostgres({ ...backed, config, context }), task).rejects.toMatchObject({ code: 'interrupted' })
    expect((await readdir(server.directory)).filter((name) => name.startsWith('data'))).toEqual([])
  }
})

test('a recovered server that was not let out is taken up by the next restore, unless somebody has started it', async () => {
  await using bench = await startBench('directory')
  const { server, config, client, context } = bench
  await client.query('CREATE TABLE t AS SELECT 1 AS a')
  const backed = await bench.backUp(async () => {
    await client.query('INSERT INTO t VALUES (2)')
    return commitEnd(client)
  })
  await client[Symbol.asyncDispose]()
  await server.stop('immediate')
  await rm(server.dataDirectory, { recursive: true })
  for (let times = 0; times < 2; times++) {
    await using fenced = await restorePostgres({ ...backed, config, context })
    const { confirmedFlushLsn } = await fenced.createLogicalSlot('shop', 'pgoutput', 'postgres')
    expect(confirmedFlushLsn).toBeGreaterThan(0n)
    expect(fenced.lastTransaction()?.xid).toBeGreaterThan(0n)
    expect(await fenced.query('SELECT a FROM t')).toEqual([{ a: 1 }, { a: 2 }])
  }
  await server.start()
  await server.stop()
  await expect(restorePostgres({ ...backed, config, context })).rejects.toMatchObject({ code: 'target-not-empty' })
})
