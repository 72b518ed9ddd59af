import { randomInt } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { type Context, inPhase } from '../base/context.ts'
import { waitUntil } from '../base/wait-until.ts'
import type { BackupResult } from '../commands/backup.ts'
import { type Phase, recording } from '../commands/backup/recording.ts'
import type { RestoreResult } from '../commands/restore.ts'
import type { Stack } from '../stack/stack.ts'
import type { Engine } from './engine.ts'
import { saveEvidence } from './history.ts'
import { type DrillEvidence, judge } from './judge.ts'
import { asManyAs, observeAll, type PipelineObservation } from './observe-all.ts'
import { observeEvents } from './observers/observe-events.ts'
import { observeLedger } from './observers/observe-ledger.ts'
import { observeTopics } from './observers/observe-topics.ts'
import { type DrillPipeline, pipelineOf, preparePipeline } from './prepare-pipeline.ts'
import type { Measured, RunRow } from './report/assemble-matrix.ts'
import { sendCanary } from './workloads/canary.ts'
import { topicOf, topicPrefix } from './workloads/connector.ts'
import { applicationGroups, framedApplicationTopics } from './workloads/fill-kafka.ts'
import { ledgerTables } from './workloads/fill-postgres.ts'
import { readLedgerHistory } from './workloads/ledger-history.ts'
import { LedgerWriter } from './workloads/ledger-writer.ts'

export interface DrillPlan {
  stack: Stack
  /** What is under test; it keeps its repository in `directory`. */
  engine: Engine
  /** Name in the matrix. */
  name: string
  rows: number
  sqlFiles: string[]
  registryRoute: 'auto' | 'native' | 'raw-topic'
  /** Where evidence goes: histories, observations, the backup's repository. `REPORTS/runs/DRILL/START`; the matrix names it from REPORTS. */
  directory: string
  /** Seconds that the writer goes on before the backup and between backup and loss. */
  writeSeconds: number
  /** What the ledger's accounts began with. */
  startBalance: number
  /** Of the ledger's transfers; one that nobody chose is another one each time. */
  seed?: number
  /** What the run took before the drill: starting the servers. */
  phasesBefore?: Phase[]
  context: Context
}

export interface DrillOutcome {
  measured: Measured
  rows: RunRow[]
  backup: BackupResult
  restore: RestoreResult
}

/**
 * The one order of a drill: fill; writer on; backup; look; writer off, everything destroyed; empty servers; restore; canary (here the
 * pipeline works again: RTO); look again; writer on, and off; whole history; evidence saved; judged.
 */
export async function runDrill(plan: DrillPlan): Promise<DrillOutcome> {
  const { stack, engine, directory } = plan
  const { context, phases } = recording(plan.context)
  const { signal } = context
  await mkdir(directory, { recursive: true })
  const config = stack.config('file:///nowhere')
  const pipeline = pipelineOf(config)
  const versions = await stack.versions()
  await preparePipeline({ stack, pipeline, rows: plan.rows, sqlFiles: plan.sqlFiles, binDirectory: config.postgres?.binDirectory, context })

  const historyFile = join(directory, 'ledger.jsonl')
  const seed = plan.seed ?? randomInt(1, 2 ** 32)
  context.emit({ type: 'log', level: 'info', message: `the ledger's transfers have the seed ${seed} (the same ones again: --seed ${seed})` })
  await using writer = await LedgerWriter.start({ url: pipeline.postgresUrl, historyFile, seed })
  await untilWritten(writer, plan.writeSeconds, context)
  const backedUp = await inPhase(context, 'backup', () => engine.backup(context))
  const verified = await inPhase(context, 'verify', () => engine.verify(backedUp.id, context))
  const shown = await engine.show(backedUp.id, context)
  await untilWritten(writer, plan.writeSeconds, context)
  await writer.pause()
  const topics = await topicsOf(pipeline)
  const before = await inPhase(context, 'look at the source', () =>
    observeAll({ ...whatToObserve(topics, pipeline, context), endOffsets: cutFor(topics, backedUp.recoveryPoint.kafka?.endOffsets ?? {}) }),
  )
  const history = await readLedgerHistory(historyFile)

  const lostAt = context.now()
  await inPhase(context, 'destroy everything', () => destroyAll(stack))
  await inPhase(context, 'start empty servers', () => startEmpty(stack, plan.registryRoute))
  const restored = await inPhase(context, 'restore', () => engine.restore({ backup: backedUp.id, registryRoute: plan.registryRoute }, context))
  const lastWords = async () => `Connect's last log lines:\n${await stack.lastLog('connect', 15)}`
  await inPhase(context, 'first new event', () => sendCanary(pipeline, { signal, lastWords }))
  const recoveredAt = context.now()

  const there = new Set((await observeTopics(pipeline.kafka)).map(({ topic }) => topic))
  const growing = topics.filter(({ name, kind }) => kind === 'internal' || growingTopics.includes(name)).map(({ name }) => name)
  const after = await inPhase(context, 'look at the restored', () =>
    observeAll({
      ...whatToObserve(
        topics.filter(({ name, kind }) => there.has(name) && (kind !== 'internal' || restored.restoredTopics.includes(name))),
        pipeline,
        context,
      ),
      endOffsets: asManyAs(before.topics, growing),
    }),
  )
  const restoredLedger = await observeLedger(pipeline.postgresUrl)
  const resumedFrom = endsOf(after)

  await writer.resume()
  await untilWritten(writer, plan.writeSeconds, context)
  await writer.pause()
  await inPhase(context, 'catch up', () => sendCanary(pipeline, { signal, lastWords }))
  const evidence: DrillEvidence = {
    drill: plan.name,
    seed,
    before,
    after,
    history,
    restoredLedger,
    finalLedger: await observeLedger(pipeline.postgresUrl),
    finalEvents: await observeEvents(pipeline.kafka, pipeline.registry, { topics: ledgerTopics, signal }),
    resumedFrom,
    startBalance: plan.startBalance,
    kinds: Object.fromEntries(topics.map(({ name, kind }) => [name, kind])),
    restoredTopics: restored.restoredTopics,
  }
  const evidenceFile = join(directory, 'evidence.jsonl')
  await saveEvidence(evidenceFile, { ...evidence, ...prefixed('before', before), ...prefixed('after', after) })
  const rows = judge(evidence, {
    show: shown,
    restore: restored,
    verify: verified,
    evidence: relative(join(directory, '..', '..', '..'), evidenceFile),
  })
  const measured = {
    stack: stack.kind,
    versions,
    recoveryPoint: backedUp.recoveryPoint,
    phases: phasesOf([...(plan.phasesBefore ?? []), ...phases]),
    rto: { seconds: (recoveredAt.getTime() - lostAt.getTime()) / 1000, lostAt: lostAt.toISOString(), recoveredAt: recoveredAt.toISOString() },
    rpo: rpoOf(backedUp, lostAt, history),
    seed,
  }
  return { measured, rows, backup: backedUp, restore: restored }
}

/** Until the writer has committed something for so long; it is the writer's progress that is waited for. */
async function untilWritten(writer: LedgerWriter, seconds: number, context: Context): Promise<void> {
  const target = writer.counts.ok + Math.max(5, seconds * 20)
  await waitUntil(() => writer.counts.ok >= target, {
    what: `the writer to commit ${target} transactions`,
    timeoutMs: 300_000,
    signal: context.signal,
    lastWords: () => JSON.stringify(writer.counts),
  })
}

interface DrillTopic {
  name: string
  kind: 'cdc' | 'internal' | 'application'
}

/** Every topic that the source has, by the drill's own look at it: one that the backup forgot must not be forgotten here too. */
async function topicsOf(pipeline: DrillPipeline): Promise<DrillTopic[]> {
  return (await observeTopics(pipeline.kafka)).map(({ topic }) => ({ name: topic, kind: kindOf(topic) }))
}

function kindOf(topic: string): DrillTopic['kind'] {
  if (/^(connect-(configs|offsets|status)|kafkasql-(journal|snapshots)|registry-events)$/.test(topic)) return 'internal'
  return topic.startsWith(`${topicPrefix}.`) || topic === `__debezium-heartbeat.${topicPrefix}` ? 'cdc' : 'application'
}

/** Topics that somebody writes to after the recovery point are looked at up to it; all others whole, as nothing but a fault can lie behind it. */
function cutFor(topics: DrillTopic[], endOffsets: Record<string, Record<string, string>>): Record<string, Record<string, string>> {
  const written = topics
    .filter(({ name, kind }) => kind === 'internal' || growingTopics.includes(name) || name in ledgerTopics)
    .map(({ name }) => name)
  return Object.fromEntries(Object.entries(endOffsets).filter(([topic]) => written.includes(topic)))
}

/** Topics that go on growing by themselves: heartbeats, and the canary's. */
const growingTopics = [topicOf('shop.canary'), `__debezium-heartbeat.${topicPrefix}`]
const ledgerTopics = Object.fromEntries(ledgerTables.map((table) => [topicOf(table), table.replace('public.', '')]))

function whatToObserve(topics: DrillTopic[], pipeline: DrillPipeline, context: Context) {
  const framed = topics.filter(({ name, kind }) => kind === 'cdc' || framedApplicationTopics.includes(name)).map(({ name }) => name)
  return {
    pipeline,
    topics: topics.map(({ name }) => name),
    framedTopics: framed,
    groups: applicationGroups,
    exceptTables: [...ledgerTables, 'shop.canary'],
    context,
  }
}

/** The servers that depend on others go first. */
async function destroyAll(stack: Stack): Promise<void> {
  for (const component of ['connect', 'registry', 'kafka', 'postgres'] as const) await stack.destroy(component)
}

/** Kafka, and the registry unless it comes back from its topic; PostgreSQL and Connect are started in the middle of the restore. */
async function startEmpty(stack: Stack, route: DrillPlan['registryRoute']): Promise<void> {
  await stack.start('kafka')
  if (route !== 'raw-topic') await stack.start('registry')
}

/** `table → partition → end` of the ledger's topics: events from there on are new. */
function endsOf({ topics }: PipelineObservation): Record<string, Record<string, string>> {
  return Object.fromEntries(
    topics.flatMap(({ topic, partitions }) => {
      const table = ledgerTopics[topic]
      return table === undefined ? [] : [[table, Object.fromEntries(partitions.map(({ partition, end }) => [partition, end]))]]
    }),
  )
}

/** Each part under its own key, so that the file's lines stay of a bearable length; the whole is left out. */
function prefixed(name: string, observation: PipelineObservation): Record<string, unknown> {
  return { [name]: undefined, ...Object.fromEntries(Object.entries(observation).map(([key, value]) => [`${name}.${key}`, value])) }
}

function rpoOf(backedUp: BackupResult, lostAt: Date, history: DrillEvidence['history']): Measured['rpo'] {
  const { time, lsn } = backedUp.recoveryPoint.postgres ?? {}
  if (time === undefined || lsn === undefined) return null
  const last = new Date(time)
  const lost = history.filter(({ outcome, endedAt }) => outcome === 'ok' && endedAt !== undefined && new Date(endedAt) > last).length
  return {
    seconds: (lostAt.getTime() - last.getTime()) / 1000,
    lastCommitAt: last.toISOString(),
    lostAt: lostAt.toISOString(),
    transactionsLost: lost,
  }
}

function phasesOf(phases: Phase[]): Phase[] {
  return phases.map(({ name, seconds }) => ({ name, seconds: Math.round(seconds * 1000) / 1000 }))
}
