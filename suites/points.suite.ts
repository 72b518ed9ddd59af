import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { formatLsn, type Lsn, parseLsn } from '../src/base/lsn.ts'
import { waitUntil } from '../src/base/wait-until.ts'
import { connectPostgres } from '../src/clients/postgres.ts'
import { isCommit } from '../src/components/postgres/commit-record.ts'
import { readTransactionLog } from '../src/components/postgres/read-transaction-log.ts'
import { managers, readWal } from '../src/components/postgres/wal-records.ts'
import { segmentStart } from '../src/components/postgres/wal-segment.ts'
import { type Backed, type Bench, commitEnd, startBench } from './postgres-backup.ts'

describe('the commits of stored WAL', () => {
  test('are those that pg_waldump reads, each ending where the next record begins: interleaved, prepared, with subtransactions, over pages and segments', async () => {
    await using bench = await startBench('directory')
    const { client, context } = bench
    const backed = await bench.backUp(async () => {
      await writeHistory(bench)
      await client[Symbol.asyncDispose]()
      // What a crash has cut off in the middle is written over.
      const writers = [1, 2, 3].map(async (n) => {
        await using writing = await connectPostgres(bench.server.url)
        for (;;) await writing.query("INSERT INTO t SELECT $1, repeat('z', 3000)", [n])
      })
      const stopped = Promise.allSettled(writers)
      await waitUntil(async () => (await rowsOf(bench)) > 106_500, { what: 'rows of the writers', timeoutMs: 60_000 })
      await bench.server.stop('immediate')
      await stopped
      await bench.server.start()
      await using after = await connectPostgres(bench.server.url)
      await after.query('INSERT INTO t VALUES (7)')
      return await commitEnd(after)
    })
    const log = await readTransactionLog({ ...backed.part, ...backed.part.wal, reader: backed.reader, context })
    const known = await dumped(bench, backed)
    expect(known.commits.length).toBeGreaterThan(1000)
    expect([...log.transactions].map(({ xid, commitLsn }) => `${xid} ${formatLsn(commitLsn)}`)).toEqual(
      known.commits.map(({ xid, lsn }) => `${xid} ${formatLsn(lsn)}`),
    )
    expect([...log.transactions].map(({ timestampUs }) => timestampUs)).toEqual(known.commits.map(({ timestampUs }) => timestampUs))
    // Behind a page's end the next record begins after the page's header.
    expect([...log.transactions].map(({ endLsn }, index) => afterHeader(endLsn) === known.commits[index]?.next).filter((same) => !same)).toEqual([])
    const ends = [...log.transactions].map(({ endLsn }) => endLsn)
    expect(ends.filter((end) => end % 8192n === 0n).length).toBeGreaterThan(0)
    expect(log.restorePoints.map(({ name }) => name)).toEqual(['before the mistake', 'datapipe'])
    for (const { xid, commitLsn } of log.transactions) expect(log.ofXid(xid)?.commitLsn).toBe(commitLsn)

    const read = (segments: Backed['part']['wal']['segments'], damage?: (bytes: Buffer, start: Lsn) => void) =>
      readSegments(bench, backed, { segments, damage })
    const { segments } = backed.part.wal
    expect(await read(segments)).toBe(log.transactions.length)
    // The time in the 100th COMMIT record.
    const { commitLsn } = log.transactions.at(100) ?? { commitLsn: 0n }
    const inRecord = (bytes: Buffer, start: Lsn) => {
      const at = Number(commitLsn - start) + 30
      if (at >= 0 && at < bytes.length) bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at)
    }
    await expect(read(segments, inRecord)).rejects.toThrow(/cannot be read at 0\/\w+: a record has another checksum/)
    const gap = readTransactionLog({ ...backed.part, ...backed.part.wal, segments: segments.toSpliced(1, 1), reader: backed.reader, context })
    await expect(gap).rejects.toMatchObject({ code: 'wal-gap', message: expect.stringContaining(`${segments[1]?.name}`) as string })
  })
})

/** How many commits; `damage` is done to the bytes of each segment. */
async function readSegments(
  { server }: Bench,
  { part }: Backed,
  { segments, damage }: { segments: Backed['part']['wal']['segments']; damage: ((bytes: Buffer, start: Lsn) => void) | undefined },
): Promise<number> {
  const size = BigInt(part.server.walSegmentSize)
  let commits = 0
  const wal = readWal({
    from: segmentStart(segments[0]?.name ?? '', size),
    segmentSize: size,
    wants: (manager, info) => manager === managers.transaction && isCommit(info),
    onRecord: ({ lsn }) => {
      if (lsn < parseLsn(part.wal.reachesLsn)) commits++
    },
  })
  for (const { name } of segments) {
    const bytes = await readFile(join(server.archiveDirectory, part.server.systemIdentifier, '00000001', name))
    damage?.(bytes, segmentStart(name, size))
    for (let from = 0; from < bytes.length; from += 5000) wal.push(bytes.subarray(from, from + 5000))
  }
  return commits
}

async function rowsOf({ server }: Bench): Promise<number> {
  await using reading = await connectPostgres(server.url)
  const [row] = await reading.query<{ rows: string }>('SELECT count(*) AS rows FROM t')
  return Number(row?.rows)
}

/** Transactions of every kind. */
async function writeHistory({ client, server }: Bench): Promise<void> {
  await client.query('CREATE TABLE t (a int, b text)')
  await using other = await connectPostgres(server.url)
  for (const sql of ['BEGIN', 'INSERT INTO t VALUES (1)', 'SAVEPOINT s', 'INSERT INTO t VALUES (2)', 'RELEASE s']) await client.query(sql)
  for (const sql of ['BEGIN', 'INSERT INTO t VALUES (3)', 'COMMIT', 'BEGIN', 'INSERT INTO t VALUES (4)', 'ROLLBACK']) await other.query(sql)
  await client.query('COMMIT')
  for (const sql of ['BEGIN', 'CREATE TABLE prepared (a int)', 'SAVEPOINT s', 'INSERT INTO t VALUES (5)']) await other.query(sql)
  await other.query("PREPARE TRANSACTION 'p'")
  await client.query("SELECT pg_create_restore_point('before the mistake')")
  await client.query("COMMIT PREPARED 'p'")
  // A COMMIT record of many pages, with all that it may carry: subtransactions, files to remove, statistics, invalidations.
  await client.query('BEGIN')
  for (let index = 0; index < 200; index++) await client.query(`CREATE TABLE x${index} AS SELECT 1 AS a`)
  for (let index = 0; index < 200; index++) await client.query('SAVEPOINT s').then(() => client.query('INSERT INTO t VALUES (6)'))
  for (let index = 0; index < 200; index++) await client.query(`DROP TABLE x${index}`)
  await client.query('COMMIT')
  await client.query("INSERT INTO t SELECT n, repeat('x', 200) FROM generate_series(1, 100000) AS n")
  // So many, of many lengths, that one ends where a page does.
  await client.query('SET synchronous_commit = off')
  await client.query(`DO $$ BEGIN FOR n IN 1..5000 LOOP INSERT INTO t VALUES (n, repeat('y', n % 50)); COMMIT; END LOOP; END $$`)
}

interface DumpedCommit {
  xid: bigint
  lsn: Lsn
  timestampUs: bigint
  next: Lsn
}

/** The same by PostgreSQL's own program, over records of all kinds. */
async function dumped({ server }: Bench, { part }: Backed): Promise<{ commits: DumpedCommit[] }> {
  const directory = join(server.archiveDirectory, part.server.systemIdentifier, '00000001')
  const [first, last] = [part.wal.segments[0]?.name ?? '', part.wal.segments.at(-1)?.name ?? '']
  const { stdout } = await promisify(execFile)(join(server.bin, 'pg_waldump'), [join(directory, first), join(directory, last)], {
    env: { TZ: 'UTC' },
    maxBuffer: 1 << 28,
  }).catch((error: { stdout?: string; stderr?: string }) => {
    // The last segment ends in zeroes.
    if (!/invalid record length|error in WAL record/.test(error.stderr ?? '')) throw error
    return { stdout: error.stdout ?? '' }
  })
  const commits: DumpedCommit[] = []
  let open: Omit<DumpedCommit, 'next'> | undefined
  for (const line of stdout.split('\n')) {
    const [, xid = '', at] = /tx:\s*(\d+), lsn: ([0-9A-F]+\/[0-9A-F]+)/.exec(line) ?? []
    if (at === undefined) continue
    const lsn = parseLsn(at)
    if (open !== undefined) commits.push({ ...open, next: lsn })
    open = undefined
    const [, prepared, time, fraction = ''] = /desc: COMMIT(?:_PREPARED (\d+):)? (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\.(\d+) UTC/.exec(line) ?? []
    if (time !== undefined)
      open = { xid: BigInt(prepared ?? xid), lsn, timestampUs: BigInt(Date.parse(`${time}Z`)) * 1000n + BigInt(fraction.padEnd(6, '0')) }
  }
  return { commits: commits.filter(({ lsn }) => lsn < parseLsn(part.wal.reachesLsn)) }
}

function afterHeader(end: Lsn): Lsn {
  if (end % 8192n !== 0n) return end
  return end + (end % (16n << 20n) === 0n ? 40n : 24n)
}
