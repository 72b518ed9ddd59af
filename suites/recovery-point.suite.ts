import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseLsn } from '../src/base/lsn.ts'
import { connectPostgres, type PgClient } from '../src/clients/postgres.ts'
import { parsePgoutput } from '../src/recovery-point/pgoutput.ts'
import { resolveOffset } from '../src/recovery-point/resolve-offset.ts'
import { startTestServer, type TestServer } from './postgres-server.ts'

let server: TestServer
let client: PgClient

beforeAll(async () => {
  server = await startTestServer()
  client = await connectPostgres(server.url)
  await client.query('CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY); CREATE PUBLICATION shop FOR TABLE a, b')
})

afterAll(async () => {
  await client?.[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
})

/** COPY from a program writes its rows by multi-insert: one WAL record for all. */
const copyOfThree = "COPY b FROM PROGRAM 'seq 700 702'"

/** A fresh slot, `work` in one transaction behind it, and what the slot then holds. */
async function captured(work: string[], options: { quiet?: boolean } = {}) {
  await client.query("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = 'shop'")
  await client.query("SELECT pg_create_logical_replication_slot('shop', 'pgoutput')")
  await client.query('BEGIN')
  for (const sql of work) await client.query(sql)
  const [row] = await client.query<{ xid: string }>('SELECT pg_current_xact_id()::text AS xid')
  await client.query('COMMIT')
  // A captured transaction behind it keeps the cut at this one's commit.
  if (!options.quiet) await client.query('INSERT INTO a SELECT coalesce(max(id), 0) + 1 FROM a')
  const rows = await client.query<{ lsn: string; data: string }>(
    "SELECT lsn::text, encode(data, 'hex') AS data FROM pg_logical_slot_peek_binary_changes('shop', NULL, NULL, 'proto_version', '1', 'publication_names', 'shop')",
  )
  const messages = rows.map(({ lsn, data }) => ({ lsn: parseLsn(lsn), message: parsePgoutput(Buffer.from(data, 'hex')) }))
  const changes = messages.filter(({ message }) => message.type === 'change').map(({ lsn }) => lsn)
  const ends = messages.flatMap(({ message }) => (message.type === 'commit' ? [message.endLsn] : []))
  return { xid: BigInt(row?.xid ?? 0), changes, ends }
}

const resolve = (offset: Record<string, unknown>, captures?: (relation: string) => boolean) =>
  resolveOffset({ client, slot: 'shop', publication: 'shop', offset, ...(captures === undefined ? {} : { captures }) })

test('an offset at the last change of a transaction is clean, at its commit end', async () => {
  const { xid, changes, ends } = await captured(['INSERT INTO a VALUES (100)', 'INSERT INTO b VALUES (100)'])
  expect(await resolve({ lsn: changes[1], txId: xid, messageType: 'INSERT', lsn_commit: 1n })).toMatchObject({
    clean: true,
    lsn: ends[0],
    xid: xid.toString(),
  })
})

test('an offset before the last change stands inside its transaction', async () => {
  const { xid, changes } = await captured(['INSERT INTO a VALUES (200)', 'INSERT INTO b VALUES (200)'])
  expect(await resolve({ lsn: changes[0], txId: xid, messageType: 'INSERT' })).toMatchObject({
    clean: false,
    reason: expect.stringContaining('1 of 2 changes'),
  })
})

test('changes of tables that the connector does not capture are not waited for', async () => {
  const { xid, changes, ends } = await captured(['INSERT INTO a VALUES (300)', 'INSERT INTO b VALUES (300)'])
  expect(await resolve({ lsn: changes[0], txId: xid, messageType: 'INSERT' }, (relation) => relation === 'public.a')).toMatchObject({
    clean: true,
    lsn: ends[0],
  })
})

test('several rows of one statement each have their LSN', async () => {
  const { xid, changes } = await captured(['INSERT INTO a SELECT 400 + i FROM generate_series(1, 3) i'])
  expect(await resolve({ lsn: changes[1], txId: xid, messageType: 'INSERT' })).toMatchObject({ clean: false })
  expect(await resolve({ lsn: changes[2], txId: xid, messageType: 'INSERT' })).toMatchObject({ clean: true })
})

test('rows of one COPY share their LSN: whether all arrived cannot be told', async () => {
  const { xid, changes } = await captured([copyOfThree])
  expect(new Set(changes.slice(0, 3)).size).toBe(1)
  expect(await resolve({ lsn: changes[0], txId: xid, messageType: 'INSERT' })).toMatchObject({
    clean: false,
    reason: expect.stringContaining('COPY'),
  })
})

test('rows of one COPY that Debezium has counted to the end are whole', async () => {
  const { xid, changes, ends } = await captured([copyOfThree.replaceAll('70', '71')])
  const offset = { lsn: changes[0], txId: xid, messageType: 'INSERT' }
  expect(await resolve({ ...offset, lsn_events_processed: 2 })).toMatchObject({ clean: false })
  expect(await resolve({ ...offset, lsn_events_processed: 3 })).toMatchObject({ clean: true, lsn: ends[0] })
})

test('a TRUNCATE that the connector skips is not waited for, one that it sends is', async () => {
  const { xid, changes, ends } = await captured(['INSERT INTO b VALUES (800)', 'TRUNCATE b'])
  const offset = { lsn: changes[0], txId: xid, messageType: 'INSERT' }
  expect(await resolve(offset)).toMatchObject({ clean: true, lsn: ends[0] })
  expect(await resolveOffset({ client, slot: 'shop', publication: 'shop', offset, sendsTruncate: true })).toMatchObject({ clean: false })
})

test('a starting point from which nothing was streamed yet is clean where it is, though the server is quiet', async () => {
  const { ends } = await captured(['INSERT INTO a VALUES (810)'])
  const synthetic = { lsn: ends[0], txId: 12345, ts_usec: 1795493810462709n }
  expect(await resolve(synthetic)).toMatchObject({ clean: true, lsn: ends[0], time: '2026-11-24T04:16:50.462Z' })
})

test('an offset at a BEGIN ends with the commit before', async () => {
  const { xid, changes, ends } = await captured(['INSERT INTO a VALUES (820)'])
  expect(await resolve({ lsn: changes[0], lsn_commit: 77n, txId: xid, messageType: 'BEGIN' })).toMatchObject({ clean: true, lsn: 77n })
  expect(ends).toHaveLength(2)
})

test('a heartbeat offset is clean at its commit', async () => {
  const { xid, ends } = await captured(['INSERT INTO a VALUES (500)'])
  expect(await resolve({ lsn: ends[0], lsn_commit: ends[0], txId: xid, messageType: 'COMMIT' })).toMatchObject({ clean: true, lsn: ends[0] })
})

test('a transaction that the slot has confirmed is whole', async () => {
  const { xid, changes, ends } = await captured(['INSERT INTO a VALUES (600)'])
  await client.query("SELECT pg_replication_slot_advance('shop', $1::pg_lsn)", [`0/${ends[0]?.toString(16)}`])
  expect(await resolve({ lsn: changes[0], txId: xid, messageType: 'INSERT' })).toMatchObject({ clean: true, lsn: ends[0] })
})

test('a running initial snapshot, a missing slot and an empty offset are no position', async () => {
  expect(await resolve({ lsn: 5n, snapshot: 'INITIAL', last_snapshot_record: false })).toMatchObject({
    clean: false,
    reason: expect.stringContaining('snapshot'),
  })
  expect(await resolveOffset({ client, slot: 'gone', publication: 'shop', offset: { lsn: 5n } })).toMatchObject({
    clean: false,
    reason: expect.stringContaining('gone'),
  })
  expect(await resolve({})).toMatchObject({ clean: false })
})

test('on a quiet database the cut may move to the end of the WAL, past whatever the connector does not capture', async () => {
  const { xid, changes, ends } = await captured(['INSERT INTO a VALUES (800)'], { quiet: true })
  await client.query('CREATE TABLE IF NOT EXISTS elsewhere (id int); INSERT INTO elsewhere VALUES (1)')
  const [row] = await client.query<{ lsn: string }>('SELECT pg_current_wal_flush_lsn()::text AS lsn')
  const position = await resolve({ lsn: changes[0], txId: xid, messageType: 'INSERT' })
  expect(position).toMatchObject({ clean: true, xid: xid.toString() })
  expect(position.clean && position.lsn === ends[0] && (position.until ?? 0n) >= parseLsn(row?.lsn ?? '')).toBe(true)
})

test('while others write, the cut may move to where the next commit that the connector captures begins', async () => {
  const { xid, changes, ends } = await captured(['INSERT INTO a VALUES (900)'], { quiet: true })
  await client.query('CREATE TABLE IF NOT EXISTS elsewhere (id int)')
  await client.query('INSERT INTO elsewhere VALUES (2)')
  const [before] = await client.query<{ lsn: string }>('SELECT pg_current_wal_flush_lsn()::text AS lsn')
  await client.query('INSERT INTO a VALUES (901)')
  await client.query('INSERT INTO elsewhere VALUES (3)')
  const [after] = await client.query<{ lsn: string }>('SELECT pg_current_wal_flush_lsn()::text AS lsn')
  const position = await resolve({ lsn: changes[0], txId: xid, messageType: 'INSERT' })
  expect(position).toMatchObject({ clean: true, lsn: ends[0], xid: xid.toString() })
  const until = position.clean ? (position.until ?? 0n) : 0n
  expect(until > parseLsn(before?.lsn ?? '') && until < parseLsn(after?.lsn ?? '')).toBe(true)
})
