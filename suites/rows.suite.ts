import { execFile } from 'node:child_process'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { silentContext } from '../src/base/context.ts'
import { postgresConfigSchema } from '../src/base/config.ts'
import type { Finding } from '../src/base/finding.ts'
import { connectPostgres, type PgClient } from '../src/clients/postgres.ts'
import { withScratchServer } from '../src/components/postgres/index.ts'
import { parsePostgresPart } from '../src/components/postgres/part.ts'
import type { RowsResult } from '../src/commands/rows.ts'
import { openBackup } from '../src/repository/open-backup.ts'
import { localStorage } from '../src/storage/local.ts'
import { datapipe, resultOf, startDatapipe, told } from './cli.ts'
import { at, expectRefusal, expectSuccess } from './cli-outcomes.ts'
import { startTestServer, type TestServer } from './postgres-server.ts'

/** One table dropped, one bad transaction: what a backup knows of it, and SQL that brings it back, run with psql on the live server. One server, one backup. */
let server: TestServer
let client: PgClient
let file: string
/** The bad transaction. */
let xid: string

const schema = `
  CREATE SCHEMA "Sales Dept";
  CREATE TYPE "Sales Dept".mood AS ENUM ('sad', 'very "happy"');
  CREATE TYPE pair AS (a int, b text);
  CREATE DOMAIN positive AS int CHECK (VALUE > 0);
  CREATE TABLE "Sales Dept"."Ördér" ("Id" int GENERATED ALWAYS AS IDENTITY, "part""2" text, m "Sales Dept".mood, p pair, q positive, n numeric, f float8, j jsonb, js json, t tsvector,
    r int4range, mr nummultirange, g point, arr text[], deep int[][], at timestamptz, d date, span interval, x bytea, u uuid, net inet, c char(5), ok bool, cash money, doc xml,
    doubled int GENERATED ALWAYS AS (q * 2) STORED, PRIMARY KEY ("part""2", "Id"));
  INSERT INTO "Sales Dept"."Ördér" ("part""2", m, p, q, n, f, j, js, t, r, mr, g, arr, deep, at, d, span, x, u, net, c, ok, cash, doc)
    SELECT E'it''s \\\\ a\\nline ' || i, 'very "happy"', ROW(i, E'x"\\\\y')::pair, i, i + 0.10, i / 3.0, '{"a": [1, "ü"]}', '{"b" : 1,  "b":2}', 'a:1 cat:2', '[1,5)', '{[1,2),[5,6)}', '(1.5,2)',
      ARRAY['a', NULL, 'b,"c"', '', E'\\\\'], '{{1,2},{3,NULL}}', '2026-01-01 12:00:00.123456+02', '0044-03-15 BC', '1 mon -3 days 04:05:06.7', '\\x00ff27', gen_random_uuid(), '10.1.2.3/8', 'ab ', i % 2 = 0,
      '12.34', '<a>b</a>' FROM generate_series(1, 300) i;
  INSERT INTO "Sales Dept"."Ördér" ("part""2") VALUES ('all null');
  CREATE TABLE keyless (a text, j json);
  INSERT INTO keyless VALUES ('one', '{"k":1}'), ('two', NULL), ('two', NULL), ('two', NULL), (NULL, '[]');
  CREATE TABLE wide (id bigint PRIMARY KEY, ${Array.from({ length: 120 }, (_, index) => `c${index} int`).join(', ')});
  INSERT INTO wide (id, c0, c119) SELECT i, i, 9007199254740993 % 1000 FROM generate_series(1, 20) i;
  CREATE TABLE customer (id serial PRIMARY KEY, name text NOT NULL);
  CREATE TABLE orders (id int PRIMARY KEY, customer int NOT NULL REFERENCES customer, total numeric(10,2), note text);
  CREATE TABLE line (order_id int REFERENCES orders, place int, what text, PRIMARY KEY (order_id, place));
  CREATE INDEX line_what ON line (what);
  ALTER TABLE line REPLICA IDENTITY USING INDEX line_pkey;
  CREATE TABLE remark (id int PRIMARY KEY, order_id int, place int, CONSTRAINT of_line FOREIGN KEY (order_id, place) REFERENCES line);
  CREATE VIEW sold AS SELECT what, count(*) FROM line GROUP BY what;
  CREATE VIEW sold_often AS SELECT * FROM sold WHERE count > 10;
  CREATE TABLE event (id int, day date, what text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
  CREATE TABLE event_2025 PARTITION OF event FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
  CREATE TABLE event_2026 PARTITION OF event FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
  INSERT INTO customer (name) SELECT 'customer ' || i FROM generate_series(1, 10) i;
  INSERT INTO orders SELECT i, 1 + i % 10, i, 'note ' || i FROM generate_series(1, 50) i;
  INSERT INTO line SELECT i, p, 'thing ' || p FROM generate_series(1, 50) i, generate_series(1, 2) p;
  INSERT INTO remark VALUES (1, 7, 1);
  INSERT INTO event SELECT i, date '2025-06-01' + i * 30, 'event ' || i FROM generate_series(1, 12) i;
  CREATE PUBLICATION shop FOR TABLE orders, line (order_id, place, what) WHERE (place < 100);`

beforeAll(async () => {
  server = await startTestServer()
  client = await connectPostgres(server.url)
  await client.query(schema)
  file = join(server.directory, 'datapipe.yaml')
  const sections = {
    repository: { url: pathToFileURL(join(server.directory, 'repository')).href },
    postgres: { url: server.url, dataDirectory: server.dataDirectory, archive: { mode: 'directory', path: server.archiveDirectory } },
  }
  await writeFile(file, stringify(sections), { mode: 0o600 })
  // The bad transaction lies between the base backup and the last recovery point, as with any backup that goes on.
  using running = startDatapipe(['--json', '--config', file, 'backup', '--follow', '--every', '3600'])
  await running.event((event) => event.type === 'log' && event.message.startsWith('recovery point committed'))
  xid = await badTransaction()
  await client.query("UPDATE orders SET note = 'changed again' WHERE id = 3; INSERT INTO customer (name) VALUES ('somebody new')")
  running.kill('SIGTERM')
  const ended = await running.ended
  expect(ended.exitCode, told(ended)).toBe(0)
})

afterAll(async () => {
  await client?.[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
})

async function badTransaction(): Promise<string> {
  await client.query('BEGIN')
  const [row] = await client.query<{ xid: string }>('SELECT pg_current_xact_id()::text AS xid')
  await client.query('UPDATE orders SET total = 0 WHERE id <= 3')
  await client.query('SAVEPOINT s')
  await client.query('DELETE FROM remark; DELETE FROM line WHERE order_id IN (7, 8)')
  await client.query('RELEASE s')
  await client.query(
    "INSERT INTO orders VALUES (900, 1, 9, 'bad'); DELETE FROM keyless WHERE a = 'two' AND ctid = (SELECT min(ctid) FROM keyless WHERE a = 'two')",
  )
  await client.query('COMMIT')
  return row?.xid ?? ''
}

const on = (...args: string[]) => at(file, 'rows', ...args)
const sqlFile = (name: string) => join(server.directory, `${name}.sql`)
const psql = (path: string) => promisify(execFile)(join(server.bin, 'psql'), ['-X', '-q', server.url, '-f', path])
const find = ({ tables }: RowsResult, table: string) => tables.find((each) => each.table === table)

/** Everything of every table as text, to compare before and after. */
async function contents(...tables: string[]): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {}
  for (const table of tables)
    found[table] = (await client.query<{ row: string }>(`SELECT (t.*)::text AS row FROM ${table} t ORDER BY 1`)).map(({ row }) => row)
  return found
}

test('any moment that the backups reach: just behind the bad transaction only what came later differs', async () => {
  const result = resultOf<RowsResult>(await on('--to', xid, '--table', 'orders', 'customer', 'line'))
  expect(result.tables.filter(({ state }) => state !== 'same')).toMatchObject([
    { table: '"public"."customer"', missing: 0, changed: 0, added: 1 },
    { table: '"public"."orders"', missing: 0, changed: 1, added: 0 },
  ])
})

test('one bad transaction: what it touched, and SQL that undoes that and nothing else', async () => {
  const output = sqlFile('undo')
  const run = await on('--before-xid', xid, '--output', output)
  expect(run.exitCode, told(run)).toBe(0)
  const result = resultOf<RowsResult>(run)
  const [first] = result.transaction?.tables ?? []
  expect(first?.table).toBe('"public"."keyless"')
  expect(result.transaction).toMatchObject({
    xid,
    tables: [
      { inserted: 0, updated: 0, deleted: 1 },
      { table: '"public"."line"', inserted: 0, updated: 0, deleted: 4 },
      { table: '"public"."orders"', inserted: 1, updated: 3, deleted: 0 },
      { table: '"public"."remark"', deleted: 1 },
    ],
  })
  expect(find(result, '"public"."orders"')).toMatchObject({ missing: 0, changed: 3, again: 1, added: 1 })
  expect(find(result, '"public"."line"')).toMatchObject({ missing: 4, changed: 0, added: 0 })
  const sql = await readFile(output, 'utf8')
  expect(sql).toContain('UPDATE ONLY "public"."orders" SET "total" = \'1.00\' WHERE "id" = \'1\' AND format(\'%s\', "total") = \'0.00\';\n')
  expect(sql).toMatch(
    /^-- changed again since, by transaction \d+, so that this is left out:\n-- UPDATE ONLY "public"."orders" SET "total" = '3\.00'/m,
  )
  expect(sql).not.toContain('somebody new')
  // Nobody has touched anything but psql.
  expect(await client.query('SELECT id FROM orders WHERE id = 900')).toHaveLength(1)
  await psql(output)
  expect(await client.query('SELECT id, total::text AS total, note FROM orders WHERE id <= 3 OR id = 900 ORDER BY id')).toEqual([
    { id: 1, total: '1.00', note: 'note 1' },
    { id: 2, total: '2.00', note: 'note 2' },
    { id: 3, total: '0.00', note: 'changed again' },
  ])
  expect(
    await client.query('SELECT 1 FROM line UNION ALL SELECT 1 FROM remark UNION ALL SELECT 1 FROM keyless UNION ALL SELECT 1 FROM customer'),
  ).toHaveLength(100 + 1 + 5 + 11)
})

test('rows of every type that were changed, deleted and added come back as they were, and then nothing differs', async () => {
  const tables = ['"Sales Dept"."Ördér"', 'keyless', 'wide', 'event']
  // What the test before has brought back is not in the last point.
  await client.query("DELETE FROM keyless WHERE ctid = (SELECT max(ctid) FROM keyless WHERE a = 'two')")
  const before = await contents(...tables)
  await client.query(`
    UPDATE "Sales Dept"."Ördér" SET m = 'sad', p = NULL, q = q + 1, n = n + 0.001, f = 'NaN', j = '[]', js = '1', arr = '{}', x = '', span = '1 day', c = 'x', ok = NULL, doc = NULL WHERE "Id" <= 100;
    DELETE FROM "Sales Dept"."Ördér" WHERE "Id" BETWEEN 101 AND 200 OR m IS NULL;
    INSERT INTO "Sales Dept"."Ördér" ("part""2") VALUES ('new');
    DELETE FROM keyless; INSERT INTO keyless VALUES ('new', '{"a": 1}'), ('new', '{"a": 1}');
    UPDATE wide SET c119 = NULL; DELETE FROM wide WHERE id > 10;
    DELETE FROM event WHERE id IN (2, 11); INSERT INTO event VALUES (99, '2026-03-03', 'new')`)
  const names = ['Sales Dept.*', 'keyless', 'public.wide', 'event'].flatMap((table) => ['--table', table])
  const shown = await datapipe(['--config', file, '--quiet', 'rows', 'latest', ...names])
  expect(shown.exitCode, told(shown)).toBe(20)
  expect(shown.stdout).toContain('"Sales Dept"."Ördér": 101 rows missing, 100 changed, 1 added\n')
  expect(shown.stdout).toMatch(/ {2}missing: "Id" = '101', "part""2" = E?'it''s/)
  expect(shown.stdout).toContain('"public"."event": 2 rows missing, 0 changed, 1 added\n')
  const output = sqlFile('all')
  await expectSuccess(on('latest', ...names, '--kind', 'missing', 'changed', 'added', '--output', output))
  await psql(output)
  expect(await contents(...tables)).toEqual(before)
  await expectSuccess(on('latest', ...names))
})

test('a row that changed after the SQL was written is left alone; without --kind added rows stay', async () => {
  await client.query("UPDATE customer SET name = 'wrong' WHERE id IN (1, 2)")
  const output = sqlFile('customers')
  await expectSuccess(on('latest', '--table', 'public.customer', '--output', output))
  await client.query("UPDATE customer SET name = 'right' WHERE id = 2; INSERT INTO customer (name) VALUES ('newer')")
  await psql(output)
  expect(
    (await client.query<{ name: string }>('SELECT name FROM customer WHERE id IN (1, 2) OR id > 10 ORDER BY id')).map(({ name }) => name),
  ).toEqual(['customer 1', 'right', 'somebody new', 'newer'])
})

test('dropped tables come back whole: rows, keys, views, publications; and a partition', async () => {
  const before = await contents('event')
  await client.query('DROP TABLE line CASCADE; DROP TABLE event_2025; DELETE FROM event WHERE id = 12')
  const output = sqlFile('dropped')
  const result = resultOf<RowsResult>(await expectSuccess(on('latest', '--table', 'public.line', 'public.event', '--output', output)))
  expect(result.tables.map(({ table, state, rows }) => [table, state, rows])).toEqual([
    ['"public"."event_2025"', 'dropped', '7'],
    ['"public"."event"', 'differs', undefined],
    ['"public"."line"', 'dropped', '96'],
  ])
  expect(result.findings.map(({ code, item }) => [code, item])).toEqual([['partition-anew', '"public"."event_2025"']])
  await psql(output)
  expect(await contents('event')).toEqual(before)
  // As at the recovery point, behind the bad transaction.
  expect(await contents('sold')).toEqual({ sold: ['("thing 1",48)', '("thing 2",48)'] })
  expect(await client.query("SELECT 1 FROM pg_views WHERE viewname IN ('sold', 'sold_often')")).toHaveLength(2)
  expect(await client.query("SELECT relreplident::text AS identity FROM pg_class WHERE oid = 'line'::regclass")).toEqual([{ identity: 'i' }])
  expect(await client.query("SELECT 1 FROM pg_indexes WHERE tablename = 'line'")).toHaveLength(2)
  expect(await client.query("SELECT attnames::text AS columns, rowfilter FROM pg_publication_tables WHERE tablename = 'line'")).toEqual([
    { columns: '{order_id,place,what}', rowfilter: '(place < 100)' },
  ])
  // A remark on line 7 has been brought back since the point; the line has not.
  expect(await readFile(output, 'utf8')).toContain('VALIDATE CONSTRAINT of_line')
  await expect(client.query('INSERT INTO remark VALUES (2, 7, 99)')).rejects.toThrow(/of_line/)
  await expect(client.query("INSERT INTO event VALUES (1, '2025-07-01', 'twice')")).rejects.toThrow(/duplicate key/)
})

test('what the SQL cannot mend is told: a lost column, a lost type, triggers that fire', async () => {
  await client.query(`
    CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.note := upper(NEW.note); RETURN NEW; END';
    CREATE TRIGGER shouting BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION shout();
    ALTER TABLE orders DROP COLUMN note CASCADE; DELETE FROM line WHERE order_id = 50; DELETE FROM orders WHERE id = 50;
    DROP SCHEMA "Sales Dept" CASCADE`)
  const { findings, tables } = resultOf<RowsResult>(await on('latest', '--table', 'orders', '"Sales Dept".*'))
  expect(findings.map(({ code, item }: Finding) => [code, item])).toEqual([
    ['column-missing', '"public"."orders"."note"'],
    ['triggers-fire', '"public"."orders"'],
    ['type-missing', '"Sales Dept".mood'],
  ])
  expect(tables.map(({ state }) => state).sort()).toEqual(['differs', 'dropped'])
})

test('refused: a table, a transaction or a database that is not there, a file that is', async () => {
  expectRefusal(await on('--table', 'customer'), 64, 'usage', /neither a BACKUP nor --to/)
  expectRefusal(await on('--table', 'customer', '--to', xid, '--before-xid', xid), 64, 'usage', /name two moments/)
  expectRefusal(await on('latest'), 64, 'usage', /no table is named/)
  expectRefusal(await on('latest', '--before-xid', 'last'), 64, 'usage', /is no transaction id/)
  expectRefusal(await on('latest', '--before-xid', '3'), 64, 'usage', /transaction 3 did not commit in the WAL of this backup/)
  expectRefusal(await on('latest', '--table', 'customer', '--database', 'other'), 64, 'usage', /the backup has no database other/)
  expectRefusal(await on('latest', '--table', 'customer', '--output', sqlFile('undo')), 40, 'target-not-empty', /undo\.sql is there already/)
  expectRefusal(await on('latest', '--table', 'public.custmer'), 64, 'usage', /--table public\.custmer names no table/)
})

test('the scratch server speaks to nobody: no TCP, no archiving; and nothing of it stays', async () => {
  const archived = await readdir(server.archiveDirectory, { recursive: true })
  const backup = await openBackup(localStorage(join(server.directory, 'repository')), 'latest', silentContext())
  const config = postgresConfigSchema.parse({ url: server.url, dataDirectory: server.dataDirectory, archive: { mode: 'receive' } })
  const part = parsePostgresPart(backup.manifest.components.postgres)
  await withScratchServer(
    { part, reader: backup.component('postgres'), recoveryPoint: backup.manifest.recoveryPoint, config, context: silentContext() },
    async (scratch) => {
      const settings = await scratch.query<{ name: string; setting: string }>(
        "SELECT name, setting FROM pg_settings WHERE name IN ('listen_addresses', 'archive_command', 'archive_mode') ORDER BY name",
      )
      expect(settings.map(({ setting }) => setting)).toEqual(
        ['(disabled)', 'on', ''].map((value, index) => (index === 0 ? settings[0]?.setting : value)),
      )
      expect(['', '(disabled)']).toContain(settings[0]?.setting)
      await scratch.query('CREATE TABLE noise (n int)')
      await scratch.query('SELECT pg_switch_wal()')
      await scratch.query('CHECKPOINT')
      expect(await scratch.query('SELECT archived_count::text AS archived FROM pg_stat_archiver')).toEqual([{ archived: '0' }])
    },
  )
  expect((await readdir(server.archiveDirectory, { recursive: true })).length).toBe(archived.length)
  expect((await readdir(server.directory)).filter((name) => name.includes('scratch'))).toEqual([])
  await rm(sqlFile('undo'))
})
