import { join, relative } from 'node:path'
import { type Context, inPhase } from '../base/context.ts'
import { DatapipeError } from '../base/errors.ts'
import { parseLsn } from '../base/lsn.ts'
import { waitUntil } from '../base/wait-until.ts'
import type { BackupResult } from '../commands/backup.ts'
import { type Phase, recording } from '../commands/backup/recording.ts'
import type { RestoreResult } from '../commands/restore.ts'
import { repeatBackup, repeatRestore } from './after-fault.ts'
import { type Fault, type FaultOutcome, withFault } from './fault.ts'
import { type DrillEvidence, factsOf, judge, rtoPhases } from './judge.ts'
import { saveEpisode } from './history.ts'
import type { Loss, Scene } from './losses.ts'
import { asManyAs, observeAll } from './observe-all.ts'
import { observeEnds } from './observers/observe-ends.ts'
import { observeEvents } from './observers/observe-events.ts'
import { observeLedger } from './observers/observe-ledger.ts'
import { observeTopics } from './observers/observe-topics.ts'
import type { Measured, RunRow } from './report/assemble-matrix.ts'
import { cutFor, endsBefore, endsOf, growingTopics, ledgerTopics, topicsOf, whatToObserve } from './what-to-observe.ts'
import { sendCanary } from './workloads/canary.ts'
import { restartFailedTasks } from './workloads/restart-failed-tasks.ts'
import { readLedgerHistory } from './workloads/ledger-history.ts'
import { type LedgerMix, LedgerWriter } from './workloads/ledger-writer.ts'

export interface EpisodePlan extends Scene {
  loss: Loss
  /** What goes wrong on the way. */
  fault?: Fault
  /** What paths in the matrix are relative to. */
  reports: string
  /** Where it is cut: at a barrier, by transaction, or at a commit before the backup's own point (`restore --to`). */
  cut: DrillCut
  /** Seconds that the writer goes on before the backup and between backup and loss. */
  writeSeconds: number
  writer: { seed: number; connections?: number; perSecond?: number; mix?: LedgerMix; firstEpoch?: number }
  /** Nothing was written to the ledger yet: its whole history is judged, from the snapshot on. */
  fresh: boolean
  /** What the ledger's accounts began with. */
  startBalance: number
  /** What the run took before: starting the servers, filling them. */
  phasesBefore?: Phase[]
}

export interface EpisodeOutcome {
  measured: Measured
  rows: RunRow[]
  backup: BackupResult
  restore: Brought
}

/** How a loss can be cut. */
export type DrillCut = 'barrier' | 'no barrier' | 'to'

/** What a drill asks of the command that brought it back. */
export type Brought = Pick<RestoreResult, 'restoredTopics' | 'phases' | 'registryRoute'> & Partial<Pick<RestoreResult, 'recoveryPoint'>>

/**
 * The one order of a drill on a pipeline that works: writer on; backup; look; the loss, while the writer writes; empty servers; restore; canary
 * (here the pipeline works again: RTO); look again; writer on, and off; whole history; evidence saved; judged. The pipeline works again at the end.
 */
export async function runEpisode(plan: EpisodePlan): Promise<EpisodeOutcome> {
  const { stack, engine, pipeline, loss, directory, fault } = plan
  const { context, phases } = recording(plan.context)
  const scene: Scene = { ...plan, context }
  const { signal } = context
  const historyFile = join(directory, 'ledger.jsonl')
  // The events of the accounts' creation are the drill's own, where it is the first.
  const baseline = plan.fresh ? { transfers: [], entries: [], accounts: [] } : await observeLedger(pipeline.postgresUrl)
  const began = plan.fresh ? {} : await currentEnds(pipeline)
  await using writer = await LedgerWriter.start({ url: pipeline.postgresUrl, historyFile, ...plan.writer })
  await untilWritten(writer, plan.writeSeconds, context)
  let faultOutcome: FaultOutcome | undefined

  const backedUp = await inPhase(context, 'backup', async () => {
    const options = { withoutBarrier: plan.cut === 'no barrier' }
    if (fault?.during !== 'backup') return engine.backup(context, options)
    const { result, outcome } = await withFault({ fault, stack, engine, context, command: (through) => engine.backup(through, options) })
    faultOutcome = outcome
    await restartFailedTasks(pipeline.connect, signal)
    return result ?? repeatBackup(scene, options, outcome)
  })
  const verified = await inPhase(context, 'verify', () => engine.verify(backedUp.id, context))
  const shown = await engine.show(backedUp.id, context)
  await untilWritten(writer, plan.writeSeconds, context)
  await writer.pause()
  const topics = await topicsOf(pipeline)
  const before = await inPhase(context, 'look at the source', () =>
    observeAll({ ...whatToObserve(topics, pipeline, context), endOffsets: cutFor(topics, backedUp.recoveryPoint.kafka?.endOffsets ?? {}) }),
  )

  await writer.resume()
  await untilWritten(writer, 0, context)
  const losesPostgres = loss.parts.includes('postgres')
  const lostAt = context.now()
  await inPhase(context, loss.name === 'all' ? 'destroy everything' : loss.drill, () => loss.lose(scene))
  // It wrote up to the loss; what it would write now is nobody's, until PostgreSQL is back.
  if (losesPostgres) await writer.pause()
  const atLoss = await readLedgerHistory(historyFile)
  await inPhase(context, 'start empty servers', () => loss.bringUp(scene))
  const to = plan.cut === 'to' ? { to: earlierPoint(atLoss, backedUp) } : {}
  const restored = await inPhase(context, 'restore', async (): Promise<Brought> => {
    if (loss.restore === undefined) return broughtBack(() => loss.bringBack?.(scene, backedUp.id))
    const request = { ...loss.restore, ...to, backup: backedUp.id, registryRoute: plan.registryRoute }
    if (fault?.during !== 'restore') return engine.restore(request, context)
    const { result, outcome } = await withFault({ fault, stack, engine, context, command: (through) => engine.restore(request, through) })
    faultOutcome = outcome
    return result ?? repeatRestore(scene, request, outcome)
  })
  const { afterRestore } = loss
  if (afterRestore !== undefined) await inPhase(context, 'after the restore', () => afterRestore(scene))
  const lastWords = async () => `Connect's last log lines:\n${await stack.lastLog('connect', 15)}`
  await inPhase(context, 'first new event', () => sendCanary(pipeline, { signal, lastWords }))
  const recoveredAt = context.now()

  if (!losesPostgres) {
    await untilWritten(writer, 0, context)
    await writer.pause()
    await inPhase(context, 'catch up with the writer', () => sendCanary(pipeline, { signal, lastWords }))
  }
  const history = losesPostgres ? atLoss : await readLedgerHistory(historyFile)
  const there = new Set((await observeTopics(pipeline.kafka)).map(({ topic }) => topic))
  const brought = (name: string, kind: string) => restored.restoredTopics.includes(name) || (kind === 'internal' && loss.parts.includes('internal'))
  const growing = topics.filter(
    ({ name, kind }) =>
      kind === 'internal' || growingTopics.includes(name) || (!losesPostgres && name in ledgerTopics) || (loss.changes && kind === 'cdc'),
  )
  const names = (wanted: boolean) => growing.filter(({ name, kind }) => brought(name, kind) === wanted).map(({ name }) => name)
  const after = await inPhase(context, 'look at the restored', () =>
    observeAll({
      ...whatToObserve(
        topics.filter(({ name, kind }) => there.has(name) && (kind !== 'internal' || restored.restoredTopics.includes(name))),
        pipeline,
        context,
      ),
      endOffsets: { ...asManyAs(before.topics, names(true)), ...endsBefore(before.topics, names(false)) },
    }),
  )
  const restoredLedger = await observeLedger(pipeline.postgresUrl)
  const resumedFrom = losesPostgres ? endsOf(after) : await currentEnds(pipeline)

  await writer.resume()
  await untilWritten(writer, plan.writeSeconds, context)
  await writer.pause()
  await inPhase(context, 'catch up', () => sendCanary(pipeline, { signal, lastWords }))
  const evidence: DrillEvidence = {
    drill: loss.drill,
    loss: loss.name,
    parts: loss.parts,
    resnapshot: loss.resnapshot,
    cut: plan.cut,
    seed: plan.writer.seed,
    baseline,
    began,
    before,
    after,
    history,
    wholeHistory: await readLedgerHistory(historyFile),
    restoredLedger,
    finalLedger: await observeLedger(pipeline.postgresUrl),
    finalEvents: await observeEvents(pipeline.kafka, pipeline.registry, { topics: ledgerTopics, signal }),
    resumedFrom,
    startBalance: plan.startBalance,
    kinds: Object.fromEntries(topics.map(({ name, kind }) => [name, kind])),
    restoredTopics: restored.restoredTopics,
    ...(faultOutcome === undefined ? {} : { fault: faultOutcome }),
    facts: factsOf({ show: shown, restore: restored, verify: verified, evidence: relative(plan.reports, join(directory, 'evidence.jsonl')) }),
    times: { lostAt: lostAt.toISOString(), recoveredAt: recoveredAt.toISOString() },
  }
  await saveEpisode(join(directory, 'evidence.jsonl'), evidence)
  return {
    measured: {
      stack: stack.kind,
      versions: await stack.versions(),
      recoveryPoint: restored.recoveryPoint ?? backedUp.recoveryPoint,
      phases: [...(plan.phasesBefore ?? []), ...phases].map(({ name, seconds }) => ({ name, seconds: Math.round(seconds * 1000) / 1000 })),
      rto: {
        seconds: (recoveredAt.getTime() - lostAt.getTime()) / 1000,
        lostAt: lostAt.toISOString(),
        recoveredAt: recoveredAt.toISOString(),
        phases: rtoPhases(phases, loss.name === 'all' ? 'destroy everything' : loss.drill),
      },
      rpo: losesPostgres ? rpoOf(restored.recoveryPoint ?? backedUp.recoveryPoint, lostAt, history) : null,
      seed: plan.writer.seed,
    },
    rows: judge(evidence),
    backup: backedUp,
    restore: restored,
  }
}

async function currentEnds(pipeline: Scene['pipeline']): Promise<Record<string, Record<string, string>>> {
  return endsOf({ topics: await observeEnds(pipeline.kafka, Object.keys(ledgerTopics)) })
}

/** Until the writer has committed something for so long; it is the writer's progress that is waited for. */
async function untilWritten(writer: LedgerWriter, seconds: number, context: Context): Promise<void> {
  const target = writer.counts.ok + Math.max(5, seconds * 20)
  await waitUntil(() => writer.counts.ok >= target, {
    what: `the writer to commit ${target} transfers`,
    timeoutMs: 300_000,
    signal: context.signal,
    lastWords: () => JSON.stringify(writer.counts),
  })
}

function rpoOf(point: BackupResult['recoveryPoint'], lostAt: Date, history: DrillEvidence['history']): Measured['rpo'] {
  const { time, lsn } = point.postgres ?? {}
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

/** An acknowledged transaction shortly before the backup's own point: everything up to it is to come back, nothing behind it. */
function earlierPoint(history: DrillEvidence['history'], { recoveryPoint }: BackupResult): string {
  const cut = parseLsn(recoveryPoint.postgres?.lsn ?? '')
  const ended = history.flatMap(({ outcome, lsnAfter, xid }) =>
    outcome === 'ok' && xid !== undefined && lsnAfter !== undefined ? [{ xid, end: parseLsn(lsnAfter) }] : [],
  )
  const inOrder = ended.filter(({ end }) => end <= cut).sort((a, b) => (a.end < b.end ? -1 : 1))
  const chosen = inOrder.at(-4)
  if (chosen === undefined) throw new DatapipeError('drill-broken', 'the writer committed too little before the recovery point to go back to')
  return chosen.xid
}

async function broughtBack(work: () => Promise<void> | undefined): Promise<Brought> {
  const started = performance.now()
  await work()
  return { restoredTopics: [], registryRoute: undefined, phases: [{ name: 'bring rows back', seconds: (performance.now() - started) / 1000 }] }
}
