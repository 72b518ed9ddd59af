import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { waitUntil } from '../src/base/wait-until.ts'
import type { CheckItem } from '../src/components/component.ts'
import { resultOf, told } from './cli.ts'
import { at } from './cli-outcomes.ts'
import { readEverything } from './kafka-reading.ts'
import { type SmallPipeline, startSmallPipeline } from './small-pipeline.ts'

/** What refusals prevent, shown once on real servers: connector and task say RUNNING, and rows never come. `check` sees each of it. */
let directory: string
let pipeline: SmallPipeline
let config: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'datapipe-refusals-'))
  await chmod(directory, 0o755)
  pipeline = await startSmallPipeline(directory)
  await pipeline.sql('CREATE TABLE filler (n int)')
  config = await pipeline.configFile('datapipe')
})

afterAll(async () => {
  await pipeline?.[Symbol.asyncDispose]()
  await rm(directory, { recursive: true, force: true })
})

/** How often each item's id stands in the keys of the CDC topic. Key: magic byte, schema id, zigzag varint. */
async function eventsOf(...ids: number[]): Promise<number[]> {
  const records = (await readEverything(pipeline.kafka, ['shop.public.item']))['shop.public.item/0'] ?? []
  const keys = records.map(({ key }) => Buffer.from(String(key), 'hex')).filter((key) => key.length > 6)
  const found = keys.map((key) => (((key[5] ?? 0) & 0x7f) | ((key[6] ?? 0) << 7)) >> 1)
  return ids.map((wanted) => found.filter((each) => each === wanted).length)
}

const insert = (...ids: number[]) => pipeline.sql(`INSERT INTO item SELECT i, 'item' FROM unnest(ARRAY[${ids.join(', ')}]) i`)

async function untilEvent(id: number): Promise<void> {
  await waitUntil(async () => (await eventsOf(id))[0] === 1, {
    what: `the event of item ${id}`,
    timeoutMs: 300_000,
    everyMs: 500,
    lastWords: () => pipeline.stack.lastLog('connect', 40),
  })
}

async function stopped(): Promise<bigint> {
  await pipeline.connect('PUT', '/connectors/shop/stop')
  await pipeline.untilConnector('STOPPED')
  return BigInt(String((await pipeline.storedOffset()).lsn))
}

async function resumeAt(lsn: bigint): Promise<void> {
  const offset = { lsn, txId: 0n, ts_usec: 0n }
  const body = { offsets: [{ partition: { server: 'shop' }, offset }] }
  expect(await pipeline.connect('PATCH', '/connectors/shop/offsets', body)).toMatchObject({ status: 200 })
}

async function checked(name: string): Promise<{ exitCode: number; item: CheckItem | undefined }> {
  const run = await at(config, 'check')
  const item = resultOf<{ items: CheckItem[] }>(run).items.find((each) => each.name === name)
  return { exitCode: run.exitCode, item: item ?? expect.fail(told(run)) }
}

test('a slot that was made anew above the offset: what was committed in between is never sent', async () => {
  const before = await stopped()
  await pipeline.sql("SELECT pg_drop_replication_slot('shop_slot')")
  await insert(201, 202)
  await pipeline.sql("SELECT pg_create_logical_replication_slot('shop_slot', 'pgoutput')")
  await resumeAt(before)
  expect((await checked('slot of shop does not stand above its offset')).item).toMatchObject({
    verdict: 'warning',
    next: expect.stringMatching(/new snapshot/) as string,
  })
  await pipeline.connect('PUT', '/connectors/shop/resume')
  await pipeline.untilConnector('RUNNING RUNNING')
  await insert(203)
  await untilEvent(203)
  expect(await eventsOf(201, 202, 203)).toEqual([0, 0, 1])
})

test('an offset ahead of the database: every commit below it is dropped', async () => {
  // Three segments: check switches one itself, to see the archive work.
  const segment = 16n << 20n
  const before = await stopped()
  const [row] = await pipeline.sql("SELECT (pg_current_wal_lsn() - '0/0')::text AS lsn")
  const now = BigInt(String(row?.lsn))
  await resumeAt((now > before ? now : before) + 3n * segment)
  expect(await checked('offset of shop is not ahead of the database')).toMatchObject({ exitCode: 20, item: { verdict: 'fail' } })
  await pipeline.connect('PUT', '/connectors/shop/resume')
  await pipeline.untilConnector('RUNNING RUNNING')
  await insert(211, 212)
  // Four more, and the WAL has passed the offset for sure.
  for (let turn = 0; turn < 4; turn++) await pipeline.sql('INSERT INTO filler VALUES (1); SELECT pg_switch_wal()')
  await insert(213)
  await untilEvent(213)
  expect(await eventsOf(211, 212, 213)).toEqual([0, 0, 1])
})
