import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { postgresConfigSchema } from '../src/base/config.ts'
import { silentContext } from '../src/base/context.ts'
import { waitUntil } from '../src/base/wait-until.ts'
import { connectPostgres, type PgClient, withDatabase } from '../src/clients/postgres.ts'
import { copyConfigFiles } from '../src/components/postgres/config-files.ts'
import { compareDatabases } from '../src/components/postgres/diff.ts'
import {
  checkPostgres,
  diffPostgres,
  identifyPostgres,
  inventoryPostgres,
  planWipePostgres,
  probePostgres,
  wipePostgres,
} from '../src/components/postgres/index.ts'
import { createBackupWriter } from '../src/repository/write-backup.ts'
import { memoryStorage } from '../src/storage/memory.ts'
import { startTestServer, type TestServer, testPassword } from './postgres-server.ts'

let server: TestServer
let client: PgClient
const context = silentContext()
const config = () => postgresConfigSchema.parse({ url: server.url, archive: { mode: 'directory', path: server.archiveDirectory } })

beforeAll(async () => {
  server = await startTestServer()
  client = await connectPostgres(server.url)
})

afterAll(async () => {
  await client?.[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
})

const odd = `
  CREATE SCHEMA "Sales Dept";
  CREATE TYPE mood AS ENUM ('sad', 'happy');
  CREATE TYPE pair AS (a int, b text);
  CREATE DOMAIN positive AS int CHECK (VALUE > 0);
  CREATE TABLE "Sales Dept"."Ördér" ("Id" serial PRIMARY KEY, m mood DEFAULT 'sad', p pair, q positive, j jsonb, t tsvector, r int4range, g point, arr text[],
    at timestamptz, x bytea, doubled int GENERATED ALWAYS AS ("Id" * 2) STORED);
  CREATE TABLE keyless (a text, b float8);
  ALTER TABLE keyless REPLICA IDENTITY FULL;
  CREATE UNLOGGED TABLE fleeting (a int);
  CREATE TABLE parts (id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
  CREATE TABLE parts_2026 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
  CREATE VIEW happy AS SELECT * FROM "Sales Dept"."Ördér" WHERE m = 'happy';
  CREATE MATERIALIZED VIEW counts AS SELECT count(*) FROM keyless;
  CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.b := NEW.b + 1; RETURN NEW; END';
  CREATE TRIGGER touched BEFORE UPDATE ON keyless FOR EACH ROW EXECUTE FUNCTION touch();
  CREATE SEQUENCE alone INCREMENT 5;
  ALTER TABLE keyless ENABLE ROW LEVEL SECURITY;
  CREATE POLICY mine ON keyless USING (a <> 'secret');
  CREATE PUBLICATION pub FOR TABLE keyless, parts;
  INSERT INTO "Sales Dept"."Ördér" (m, p, q, j, t, r, g, arr, at, x) SELECT 'happy', ROW(i, 'x'::text)::pair, i, '{"a": 1}', 'a cat', '[1,5)', '(1,2)', '{a,NULL}', '2026-01-01', 'z' FROM generate_series(1, 3000) i;
  INSERT INTO keyless VALUES ('one', 0.1), ('two', 0.30000000000000004), ('two', 0.30000000000000004), (NULL, 'NaN');
  INSERT INTO parts VALUES (1, '2026-05-05');
  INSERT INTO fleeting VALUES (1);
  CREATE SEQUENCE near;
  SELECT nextval('alone'), nextval('near'), lo_from_bytea(4711, 'blob'), lo_from_bytea(4712, 'blub');
`

/** diffPostgres compares whole servers; here both databases lie in one, under two names. */
async function differences(a: string, b: string) {
  const inventory = async (name: string) => {
    const found = (await inventoryPostgres(server.url, context, [name])).databases.get(name)
    if (found === undefined) throw new Error(`no database ${name}`)
    return found
  }
  const [one, other] = [await inventory(a), await inventory(b)]
  await using clientA = await connectPostgres(server.url, { database: a })
  await using clientB = await connectPostgres(server.url, { database: b })
  return await compareDatabases({ database: 'db', one, other, clientA, clientB, sides: ['a', 'b'], limit: 5 })
}

/** What is done to one of two equal databases, and the finding that it must lead to. */
const spoils: [sql: string, finding: object][] = [
  [
    `UPDATE "Sales Dept"."Ördér" SET q = 99999 WHERE "Id" = 1500`,
    { code: 'row-differs', item: 'db: table "Sales Dept"."Ördér"', message: expect.stringContaining('99999') },
  ],
  [`DELETE FROM "Sales Dept"."Ördér" WHERE "Id" = 3000`, { code: 'row-missing', message: expect.stringContaining('(3000,happy') }],
  [`INSERT INTO keyless VALUES ('two', 0.30000000000000004)`, { code: 'row-extra', message: expect.stringContaining('(two,0.30000000000000004)') }],
  [`UPDATE keyless SET b = 0.3 WHERE a = 'one'`, { code: 'row-missing', message: expect.stringContaining('(one,0.1)') }],
  ['UPDATE parts SET id = 2', { code: 'row-missing', item: 'db: table "public"."parts_2026"' }],
  ["SELECT lo_put(4712, 0, 'B')", { item: 'db: large objects' }],
  ['ALTER TABLE keyless REPLICA IDENTITY DEFAULT', { code: 'object-differs', item: 'db: table public.keyless' }],
  ['ALTER TABLE keyless ALTER b SET DEFAULT 4', { code: 'object-differs', item: 'db: column public.keyless.b' }],
  ["ALTER TYPE mood ADD VALUE 'angry'", { item: 'db: type public.mood' }],
  ['ALTER DOMAIN positive DROP CONSTRAINT positive_check', { code: 'object-missing', item: expect.stringContaining('constraint') }],
  ['DROP POLICY mine ON keyless', { code: 'object-missing', item: 'db: policy mine on public.keyless' }],
  ['ALTER TABLE keyless DISABLE TRIGGER touched', { code: 'object-differs', item: 'db: trigger touched on public.keyless' }],
  ['ALTER PUBLICATION pub DROP TABLE parts', { item: 'db: publication pub' }],
  ['CREATE INDEX extra ON keyless (a)', { code: 'object-extra', item: 'db: index public.extra' }],
  ['DROP VIEW happy', { code: 'object-missing', item: 'db: table public.happy' }],
  ["CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'", { item: 'db: function public.touch()' }],
  ["SELECT setval('alone', 1 + 5 * 33)", { code: 'sequence-differs', severity: 'harm', item: 'db: sequence public.alone' }],
  ["SELECT setval('near', 33)", { code: 'sequence-ahead', severity: 'note', item: 'db: sequence public.near' }],
  ['TRUNCATE fleeting', { code: 'unlogged-empty', severity: 'note' }],
]

test('a server differs from itself in nothing, and each thing that is spoilt is found', { timeout: 120_000 }, async () => {
  await client.query('CREATE DATABASE original')
  {
    await using original = await connectPostgres(server.url, { database: 'original' })
    await original.query(odd)
  }
  await client.query('CREATE DATABASE spoilt TEMPLATE original')
  expect(await diffPostgres(server.url, server.url, context)).toEqual([])
  expect(await differences('original', 'spoilt')).toEqual([])
  {
    await using spoilt = await connectPostgres(server.url, { database: 'spoilt' })
    for (const [sql] of spoils) await spoilt.query(sql)
  }
  const findings = await differences('original', 'spoilt')
  for (const [sql, finding] of spoils) expect(findings, sql).toEqual(expect.arrayContaining([expect.objectContaining(finding)]))
  // And nothing else: the dropped view's columns apart, which go with it.
  const items = new Set(findings.map(({ item }) => item).filter((item) => !item.startsWith('db: column public.happy.')))
  expect(items.size).toBe(17)
})

test('a table that was written to between two looks is told as that, and no row is made up', async () => {
  const now = (await inventoryPostgres(server.url, context, ['original'])).databases.get('original')
  const table = '"public"."parts_2026"'
  if (now?.tables.get(table) === undefined) throw new Error(`no table ${table}`)
  const earlier = { ...now, tables: new Map(now.tables).set(table, { rows: '7', checksum: 'another' }) }
  await using clientA = await connectPostgres(server.url, { database: 'original' })
  await using clientB = await connectPostgres(server.url, { database: 'original' })
  expect(await compareDatabases({ database: 'db', one: earlier, other: now, clientA, clientB, sides: ['a', 'b'], limit: 5 })).toEqual([
    expect.objectContaining({ severity: 'warning', code: 'table-moved', item: `db: table ${table}` }),
  ])
})

test('configuration outside the data directory that may not be read, and a key, are warnings of a backup', async () => {
  await client.query("CREATE ROLE reader LOGIN PASSWORD 'reader'")
  const outside = join(server.directory, 'outside.conf')
  const probe = await probePostgres(config(), context)
  const writer = await createBackupWriter({ storage: memoryStorage(), context, id: '20260101T000000Z-0001' })
  const copied = await copyConfigFiles({
    config: { ...config(), url: server.url.replace(/admin:[^@]+@/, 'reader:reader@') },
    probe: {
      ...probe,
      files: { ...probe.files, config: outside },
      settings: { ...probe.settings, ssl: 'on', ssl_key_file: '/etc/ssl/private/server.key' },
    },
    writer: writer.component('postgres'),
    context,
  })
  expect(copied).toMatchObject({
    configFiles: [],
    findings: [
      { severity: 'warning', code: 'key-not-stored', item: '/etc/ssl/private/server.key' },
      { severity: 'warning', code: 'config-not-stored', item: outside, message: expect.stringContaining('permission denied') as string },
    ],
  })
})

test('a wipe names everything beforehand, removes it, and refuses while a slot is in use', async () => {
  await client.query('CREATE DATABASE doomed TEMPLATE original')
  const doomed = { ...config(), url: withDatabase(server.url, 'doomed') }
  {
    await using there = await connectPostgres(doomed.url)
    await there.query("SELECT pg_create_logical_replication_slot('debezium', 'pgoutput')")
  }
  const texts = (await planWipePostgres(doomed, context)).map(({ text }) => text)
  expect(texts).toEqual(
    expect.arrayContaining([
      'drop replication slot debezium (pgoutput)',
      'drop publication pub',
      'drop schema Sales Dept with 2 relations',
      'unlink 2 large objects',
    ]),
  )
  expect((await identifyPostgres(doomed, context)).contents).toContain('table "Sales Dept"."Ördér"')
  await wipePostgres(doomed, context)
  // What it leaves, and how that goes: the files of the whole server.
  const kept = {
    component: 'postgres',
    text: expect.stringMatching(/^keep the server and (\S+): .* pg_ctl -D \1 stop -m fast; mv \1 \1\.old$/),
    destructive: false,
  }
  expect(await planWipePostgres(doomed, context)).toEqual([kept])
  expect(await identifyPostgres(doomed, context)).toMatchObject({ empty: true, identity: expect.stringMatching(/^\d+$/) })
  await using there = await connectPostgres(doomed.url)
  await there.query('CREATE TABLE public.again (a int)')
})

test('a wrong password is unauthorized and a dead server unreachable, neither tells the password', async () => {
  const wrong = { ...config(), url: server.url.replace(/:[^:@/]+@/, ':wrong-one@') }
  const error = await probePostgres(wrong, context).catch((e: unknown) => e)
  expect(error).toMatchObject({ code: 'unauthorized', path: 'datapipe.yaml: postgres.url' })
  expect(String(error)).not.toContain('wrong-one')
  const items = await checkPostgres(wrong, context)
  expect(items[0]).toMatchObject({ verdict: 'fail' })
  expect(JSON.stringify(items)).not.toContain('wrong-one')
})

test('check tries archiving end to end, and names what is broken', { timeout: 120_000 }, async () => {
  await client.query('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active')
  const good = await checkPostgres(config(), context)
  expect(good.filter(({ verdict }) => verdict !== 'pass')).toEqual([])
  await client.query('CREATE ROLE weak LOGIN PASSWORD $$weak$$')
  await client.query('BEGIN; CREATE TABLE p (a int); PREPARE TRANSACTION $$stuck$$')
  const weak = { ...config(), url: server.url.replace(/admin:[^@]+@/, 'weak:weak@'), archive: { mode: 'receive', slot: 'datapipe_wal' } as const }
  const bad = await checkPostgres(weak, context)
  const names = bad.filter(({ verdict }) => verdict !== 'pass').map(({ name }) => name)
  expect(names).toEqual(
    expect.arrayContaining(['role weak may replicate', 'role may make restore points and switch WAL', 'no prepared transactions']),
  )
  await client.query("ROLLBACK PREPARED 'stuck'")
  const gone = await checkPostgres({ ...config(), url: 'postgres://a:b@127.0.0.1:1/x' }, context)
  expect(gone[0]).toMatchObject({ verdict: 'fail', detail: expect.stringContaining('127.0.0.1:1') })
  expect(JSON.stringify([good, bad, gone])).not.toContain(testPassword)
})

test('check in receive mode: WAL arrives; and without its line in pg_hba.conf a replication connection is what fails', {
  timeout: 120_000,
}, async () => {
  const receive = { ...config(), archive: { mode: 'receive', slot: 'datapipe_wal' } as const }
  const good = await checkPostgres(receive, context)
  expect(good.filter(({ verdict }) => verdict !== 'pass')).toEqual([])
  expect(good).toContainEqual(
    expect.objectContaining({ name: 'WAL arrives when it is received', detail: expect.stringMatching(/^segment [0-9A-F]{24} /) as string }),
  )
  // Nothing stays on the server.
  expect(await client.query('SELECT slot_name FROM pg_replication_slots')).toEqual([])

  const file = join(server.dataDirectory, 'pg_hba.conf')
  const lines = await readFile(file, 'utf8')
  await writeFile(file, lines.replaceAll(/^(local|host)\s+replication\s.*$/gm, ''))
  await client.query('SELECT pg_reload_conf()')
  try {
    // The server takes its configuration in a moment later.
    let bad = good
    await waitUntil(
      async () => {
        bad = (await checkPostgres(receive, context)).filter(({ verdict }) => verdict !== 'pass')
        return bad.length >= 2
      },
      { what: 'the new pg_hba.conf', timeoutMs: 60_000 },
    )
    expect(bad.map(({ name, verdict, detail, next }) => ({ name, verdict, detail, next }))).toEqual([
      {
        name: 'admin may open replication connections',
        verdict: 'fail',
        detail: expect.stringContaining('no pg_hba.conf entry for replication connection') as string,
        next: expect.stringContaining('host replication admin') as string,
      },
      {
        name: 'WAL arrives when it is received',
        verdict: 'fail',
        detail: expect.stringContaining('no pg_hba.conf entry for replication connection') as string,
        next: expect.stringMatching(/\w/) as string,
      },
    ])
  } finally {
    await writeFile(file, lines)
    await client.query('SELECT pg_reload_conf()')
  }
})

test('an empty data directory without a server has no identity, one with files has its own', async () => {
  await using other = await startTestServer()
  const { systemIdentifier } = await probePostgres({ ...config(), url: other.url }, context)
  await other.stop('immediate')
  const down = { ...config(), url: other.url, dataDirectory: other.dataDirectory }
  expect(await identifyPostgres(down, context)).toMatchObject({ identity: systemIdentifier, empty: false })
  await rm(other.dataDirectory, { recursive: true })
  expect(await identifyPostgres(down, context)).toMatchObject({ identity: 'none', empty: true })
})
