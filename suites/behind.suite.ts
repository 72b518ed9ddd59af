import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Finding } from '../src/base/finding.ts'
import { waitUntil } from '../src/base/wait-until.ts'
import type { CheckResult } from '../src/commands/check.ts'
import type { RestoreResult } from '../src/commands/restore.ts'
import { type CliRun, resultOf, told } from './cli.ts'
import { at, expectSuccess } from './cli-outcomes.ts'
import { readEverything } from './kafka-reading.ts'
import { type SmallPipeline, startSmallPipeline } from './small-pipeline.ts'

/**
 * Kafka is lost, with what registry and Connect keep in it, and PostgreSQL has gone on: the topics come back to the recovery point, and the
 * connector sends what came after. By the command line, on one pipeline.
 */
let directory: string
let pipeline: SmallPipeline
let plain: string
let guarded: string

const guard = 'datapipe_guard'

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'datapipe-behind-'))
  await chmod(directory, 0o755)
  pipeline = await startSmallPipeline(directory)
  plain = await pipeline.configFile('plain')
  guarded = await pipeline.configFile('guarded', (config) => {
    Object.assign(config.postgres ?? {}, { guardSlot: guard })
  })
})

afterAll(async () => {
  await pipeline?.[Symbol.asyncDispose]()
  await rm(directory, { recursive: true, force: true })
})

const lost = ['--only', 'kafka', 'registry', 'connect'] as const
const plan = (run: CliRun) => resultOf<RestoreResult>(run).plan.map(({ text }) => text)
const findings = (run: CliRun) => resultOf<{ findings: Finding[] }>(run).findings
const backup = async (config: string) =>
  resultOf<{ id: string; recoveryPoint: RestoreResult['recoveryPoint'] }>(await expectSuccess(at(config, 'backup')))

async function loseKafka(): Promise<void> {
  const { identity } = resultOf<{ identity: string }>(await expectSuccess(at(plain, 'wipe', ...lost, '--dry-run')))
  await expectSuccess(at(plain, 'wipe', ...lost, '--yes', identity))
}

/** How often each item's id stands in the keys of the CDC topic. Key: magic byte, schema id, zigzag varint. */
async function eventsOf(...ids: number[]): Promise<number[]> {
  const records = (await readEverything(pipeline.kafka, ['shop.public.item']))['shop.public.item/0'] ?? []
  const keys = records.map(({ key }) => Buffer.from(String(key), 'hex')).filter((key) => key.length > 5)
  const found = keys.map((key) => ((key[5] ?? 0) & 0x80 ? ((key[5] ?? 0) & 0x7f) | ((key[6] ?? 0) << 7) : (key[5] ?? 0)) >> 1)
  return ids.map((wanted) => found.filter((each) => each === wanted).length)
}

const untilEvents = (...ids: number[]) =>
  waitUntil(async () => (await eventsOf(...ids)).every((count) => count > 0), {
    what: `the events of items ${ids.join(', ')}`,
    timeoutMs: 120_000,
    everyMs: 300,
    lastWords: () => pipeline.stack.lastLog('connect', 40),
  })

async function slot(name: string): Promise<{ confirmed: string } | undefined> {
  const [row] = await pipeline.sql(`SELECT confirmed_flush_lsn::text AS confirmed FROM pg_replication_slots WHERE slot_name = '${name}'`)
  return row as { confirmed: string } | undefined
}

/** The connector has confirmed what it has sent: its own slot cannot send it again. */
const untilConfirmed = (lsn: string) =>
  waitUntil(
    async () => {
      const [row] = await pipeline.sql(`SELECT confirmed_flush_lsn > '${lsn}' AS past FROM pg_replication_slots WHERE slot_name = '${pipeline.slot}'`)
      return row?.past === true
    },
    { what: `slot ${pipeline.slot} to pass ${lsn}`, timeoutMs: 120_000, everyMs: 200, lastWords: () => pipeline.stack.lastLog('connect', 40) },
  )

const walEnd = async () => String((await pipeline.sql('SELECT pg_current_wal_lsn()::text AS lsn'))[0]?.lsn)

describe('Kafka lost, the database ahead', () => {
  test('its own slot still holds what came after the point: the connector goes on from there', async () => {
    await pipeline.connect('PUT', '/connectors/shop/stop')
    await pipeline.untilConnector('STOPPED')
    const run = await at(plain, 'backup')
    const { id, recoveryPoint } = resultOf<{ id: string; recoveryPoint: RestoreResult['recoveryPoint'] }>(run)
    await pipeline.sql("INSERT INTO item VALUES (101, 'while Kafka was lost')")
    await loseKafka()
    const dry = await expectSuccess(at(plain, 'restore', id, ...lost, '--in-place', '--dry-run'))
    expect(plan(dry).at(-1)).toMatch(/^let shop go on behind .*: its slot shop_slot holds what came after$/)
    const restored = await at(plain, 'restore', id, ...lost, '--in-place')
    expect(restored.exitCode, told(restored)).toBe(0)
    expect(findings(restored)).not.toContainEqual(expect.objectContaining({ code: 'events-missing' }))
    expect(recoveryPoint.postgres?.lsn).toMatch(/\//)
    await pipeline.connect('PUT', '/connectors/shop/resume')
    await pipeline.untilConnector('RUNNING RUNNING')
    await pipeline.sql("INSERT INTO item VALUES (102, 'afterwards')")
    await untilEvents(101, 102)
    expect(await eventsOf(1, 20, 101, 102)).toEqual([2, 1, 1, 1])
  })

  test('neither slot holds it: the connector stays STOPPED, and what is missing is told', async () => {
    const { id, recoveryPoint } = await backup(plain)
    await pipeline.sql("INSERT INTO item VALUES (111, 'captured, then lost')")
    await untilEvents(111)
    await untilConfirmed(recoveryPoint.postgres?.lsn ?? '')
    await loseKafka()
    const run = await at(plain, 'restore', id, ...lost, '--in-place')
    expect(run.exitCode, told(run)).toBe(22)
    expect(plan(run).at(-1)).toMatch(/^leave shop STOPPED: slot shop_slot has moved on to/)
    expect(findings(run)).toContainEqual(expect.objectContaining({ severity: 'harm', code: 'events-missing', item: 'shop' }))
    expect(await pipeline.connectorState()).toBe('STOPPED')
    await pipeline.connect('PUT', '/connectors/shop/resume')
    await pipeline.untilConnector('RUNNING RUNNING')
    await pipeline.sql("INSERT INTO item VALUES (112, 'afterwards')")
    await untilEvents(112)
    // The damage that staying STOPPED prevents: the row is in the table, and in no topic.
    expect(await eventsOf(111, 112)).toEqual([0, 1])
  })

  test('the guard slot holds it: made at the first backup, moved by the next, copied by the restore', async () => {
    expect(await slot(guard)).toBeUndefined()
    const missing = resultOf<CheckResult>(await at(guarded, 'check')).items.find(({ name }) => name.startsWith('guard slot'))
    expect(missing).toMatchObject({ verdict: 'warning', detail: expect.stringContaining('the next backup makes it') as string })
    const first = await backup(guarded)
    expect((await slot(guard))?.confirmed).toBe(first.recoveryPoint.postgres?.lsn)
    await pipeline.sql("INSERT INTO item VALUES (121, 'between two backups')")
    await untilEvents(121)
    const second = await backup(guarded)
    expect((await slot(guard))?.confirmed).toBe(second.recoveryPoint.postgres?.lsn)
    expect(second.recoveryPoint.postgres?.lsn).not.toBe(first.recoveryPoint.postgres?.lsn)
    const kept = resultOf<CheckResult>(await at(guarded, 'check')).items.find(({ name }) => name.startsWith('guard slot'))
    expect(kept).toMatchObject({ verdict: 'pass', detail: expect.stringMatching(/keeps \d+ bytes of WAL/) as string })

    await pipeline.sql("INSERT INTO item VALUES (122, 'captured, then lost')")
    await pipeline.sql("UPDATE item SET name = 'changed again' WHERE id = 121")
    await pipeline.sql('DELETE FROM item WHERE id = 20')
    const lastBefore = await walEnd()
    await untilEvents(122)
    await pipeline.sql("INSERT INTO item VALUES (123, 'captured, too')")
    await untilConfirmed(lastBefore)
    await loseKafka()
    await pipeline.sql("INSERT INTO item VALUES (124, 'while Kafka was lost')")

    // An older backup ends before the guard slot.
    expect(plan(await expectSuccess(at(guarded, 'restore', first.id, ...lost, '--in-place', '--dry-run'))).at(-1)).toMatch(/^leave shop STOPPED/)
    const run = await expectSuccess(at(guarded, 'restore', second.id, ...lost, '--in-place'))
    expect(plan(run).slice(-2)).toEqual([
      expect.stringMatching(/^make slot shop_slot anew as a copy of datapipe_guard, which holds what came after/),
      expect.stringMatching(/^let shop go on behind/),
    ])
    expect(findings(run).filter(({ severity }) => severity === 'harm')).toEqual([])
    await pipeline.untilConnector('RUNNING RUNNING')
    await pipeline.sql("INSERT INTO item VALUES (125, 'afterwards')")
    await untilEvents(125)
    // 20: snapshot, delete and its tombstone. 121: insert and update. Everything once, nothing missing.
    expect(await eventsOf(20, 121, 122, 123, 124, 125)).toEqual([3, 2, 1, 1, 1, 1])
    expect((await slot(guard))?.confirmed).toBe(second.recoveryPoint.postgres?.lsn)
  })

  test('a guard slot that cannot be made is a warning of the backup', async () => {
    const alone = await pipeline.configFile('alone', (config) => {
      Object.assign(config.postgres ?? {}, { guardSlot: 'nobody' })
      for (const other of ['kafka', 'registry', 'connect'] as const) delete config[other]
    })
    const run = await expectSuccess(at(alone, 'backup'))
    expect(findings(run)).toContainEqual(
      expect.objectContaining({
        severity: 'warning',
        code: 'guard-slot-not-kept',
        item: 'nobody',
        message: expect.stringContaining('no connector') as string,
      }),
    )
    expect(await slot('nobody')).toBeUndefined()
  })
})
