import type { DatapipeConfig } from '../base/config.ts'
import { type Context, inPhase } from '../base/context.ts'
import { answers, DatapipeError } from '../base/errors.ts'
import type { ComponentName } from '../base/events.ts'
import type { Finding } from '../base/finding.ts'
import { formatLsn } from '../base/lsn.ts'
import type { PlanStep, RestoreOutcome } from '../components/component.ts'
import { keepStoppedRecords, readStoredConnectors } from '../components/connect/index.ts'
import { appendRecords } from '../components/kafka/append-records.ts'
import { type RestoredTopics, restoreGroups, restoreSecurity, restoreTopics } from '../components/kafka/index.ts'
import type { TopicChoices } from '../components/kafka/topic-choices.ts'
import type { FencedServer } from '../components/postgres/fenced-server.ts'
import { liftPositions } from '../components/postgres/lift.ts'
import { restorePostgres } from '../components/postgres/restore.ts'
import { type RegistryRoute, restoreRegistry } from '../components/registry/index.ts'
import type { RecoveryPoint } from '../repository/manifest.ts'
import { checkPresence } from '../repository/check-presence.ts'
import { type Backup, openBackup } from '../repository/open-backup.ts'
import { openStorage } from '../storage/open-storage.ts'
import type { Storage } from '../storage/storage.ts'
import { type Phase, recording } from './backup/recording.ts'
import { type CatchUpPlan, livePositions, planCatchUp, remakeSlots } from './restore/catch-up.ts'
import { awaitWorkers, type MadeSlot, makeSlots, readersOfPostgres, restoreConnectors } from './restore/connectors.ts'
import { type KafkaRestoreOptions, refusePartialPipeline } from './restore/kafka-choices.ts'
import { oldSignals } from './restore/old-signals.ts'
import { endsAtPoint } from './restore/point-ends.ts'
import { lostIds, registryTopicsAlone } from './restore/registry-alone.ts'
import { refuseOffsetMap, writeOffsetMap } from './restore/write-offset-map.ts'
import { type Parts, partsOf, usedIdsOf } from './restore/parts.ts'
import { type PhantomOptions, type PhantomPlan, planPhantoms } from './restore/phantoms.ts'
import { planUndo, undoPhantoms } from './restore/undo-phantoms.ts'
import { effectivePoint } from './restore/effective-point.ts'
import { planRestore, type RestorePlan } from './restore/plan.ts'
import { type Cut, resolvePoint } from './restore/resolve-point.ts'
import { partlyLost, survey } from './restore/survey.ts'
import { offsetNotWritten, slotNotMade } from './restore/slot-findings.ts'
import { startServer } from './restore/start-server.ts'
import { sideBySide } from './side-by-side.ts'

export interface RestoreOptions {
  config: DatapipeConfig
  /** Id, a beginning of it, or `latest`; may be left out with `to`. */
  backup?: string
  /** Another moment than the backup's own point: a name, time, LSN, xid, or `latest` (recovery-point/aim.ts). */
  to?: string
  /** Stop after the plan. */
  dryRun?: boolean
  /** Allow the cluster that the backup came from as target (it must be empty all the same). */
  inPlace?: boolean
  registryRoute?: RegistryRoute | 'auto'
  only?: ComponentName[]
  /** What of Kafka is restored, and how, when not all as it was. */
  kafka?: KafkaRestoreOptions
  /** Where PostgreSQL is restored and the topics live on: events of transactions that no longer are. */
  phantoms?: PhantomOptions
  /** There, too: burn WAL and xids past every one that was sent. */
  lift?: boolean
  /** JSON `{"CONNECTOR": {"KEY": "value"}}` for secrets that the backup does not hold. */
  secretsFile?: string
  leaveConnectorsStopped?: boolean
  /** Starters of the library's caller, instead of `startCommand`s. */
  start?: Partial<Record<'postgres' | 'registry' | 'connect', () => Promise<void>>>
  /** Let the restored server archive as its configuration says. Only right where it cannot meet the source's archive. */
  resumeArchiving?: boolean
}

export interface RestoreResult {
  /** 0, 22 when a finding is harm; of a dry run 20 when a restore would be refused now. */
  exitCode: number
  backup: string
  dryRun: boolean
  recoveryPoint: RecoveryPoint
  /** `present`: the registry held exactly what the backup does. */
  registryRoute: RegistryRoute | 'present' | undefined
  plan: PlanStep[]
  outcomes: RestoreOutcome[]
  /** Topics whose records were restored; the others' state went back over REST. */
  restoredTopics: string[]
  slots: { connector: string; slot: string; confirmedFlushLsn: string }[]
  seconds: number
  phases: Phase[]
  findings: Finding[]
}

/**
 * Restores a backup into empty servers, at its recovery point. First the plan, which refuses what is unsafe; then registry, internal topics
 * (their owners down), topics with their groups, and beside them PostgreSQL behind its fence, and its slots; then the fence is lifted,
 * connectors STOPPED, offsets written and read back, connectors resumed.
 */
export async function restore(options: RestoreOptions, outer: Context): Promise<RestoreResult> {
  const started = performance.now()
  const { context, phases, findings } = recording(outer)
  const { config } = options
  refusePartialPipeline(options.kafka ?? {}, options.only)
  if (options.kafka?.offsetMap !== undefined) await refuseOffsetMap(options.kafka.offsetMap)
  const storage = openStorage(config.repository.url)
  const { backup, cut } = await findPoint(options, storage, context)
  const chosen = partsOf(backup, options.only)
  const signals = await oldSignals(backup, chosen, options.kafka ?? {})
  const ofRegistry = registryTopicsAlone(backup, options.only, options.registryRoute)
  const parts = { ...chosen, ...(signals.part && { kafka: signals.part }), ...(ofRegistry && { kafka: ofRegistry }) }
  if (Object.keys(parts).length === 0) throw new DatapipeError('usage', 'nothing of this backup is selected', { hint: 'correct --only' })
  const lost = async () => (options.only === undefined ? partlyLost(await survey(config, parts, context), backup.id) : [])
  const planned = inPhase(context, 'plan', async () => {
    await checkPresence(
      storage,
      backup.manifest.artifacts.filter(({ component }) => parts[component] !== undefined),
    )
    const at = await effectivePoint({ backup, cut, withKafka: parts.kafka !== undefined, context })
    const plan = await planRestore({
      config,
      backup,
      parts,
      secretsFile: options.secretsFile,
      kafka: options.kafka ?? {},
      recoveryPoint: at.point,
      ends: new Map([...(parts.kafka ? endsAtPoint(parts.kafka, at.point) : []), ...signals.ends]),
      toTimes: at.toTimes,
      inPlace: options.inPlace ?? false,
      dryRun: options.dryRun ?? false,
      route: options.registryRoute ?? 'auto',
      context,
    })
    const catchUp = await planCatchUp({ config, backup, parts, point: at.point, context })
    const ahead = { phantoms: options.phantoms ?? {}, lift: options.lift ?? false, inPlace: options.inPlace ?? false }
    const phantoms = await planPhantoms({ config, backup, parts, point: at.point, cut, ...ahead, context })
    const undo = await planUndo({ config, backup, phantoms, context }, ahead.inPlace)
    return { at, plan, catchUp, phantoms, undo }
  })
  const { at, plan, catchUp, phantoms, undo } = await planned.catch(async (error: unknown) => {
    if (error instanceof DatapipeError && error.code !== 'interrupted') for (const finding of await lost()) context.emit({ type: 'finding', finding })
    throw error
  })
  if (plan.refused.length > 0) findings.push(...(await lost()))
  findings.push(...(await lostIds({ config, backup, parts, context })))
  findings.push(
    ...at.findings,
    ...plan.findings.others,
    ...(phantoms?.findings ?? []),
    ...(options.dryRun ? plan.findings.topics : []),
    ...plan.refused,
  )
  const run: Run = { options, config, backup, parts, point: at.point, plan, catchUp, phantoms, context }
  const outcomes = options.dryRun ? { list: [], slots: [] } : await act(run)
  for (const outcome of outcomes.list) findings.push(...outcome.findings)
  return {
    exitCode: plan.refused.length > 0 ? answers.no : findings.some(({ severity }) => severity === 'harm') ? answers.incomplete : answers.ok,
    backup: backup.id,
    dryRun: options.dryRun ?? false,
    recoveryPoint: at.point,
    registryRoute: plan.registry?.route,
    plan: [...at.steps, ...undo, ...plan.steps, ...catchUp.steps],
    outcomes: outcomes.list,
    restoredTopics: [...plan.topics.registry, ...plan.topics.workers, ...plan.topics.data],
    slots: outcomes.slots.map(({ connector, slot, confirmedFlushLsn }) => ({ connector, slot, confirmedFlushLsn: formatLsn(confirmedFlushLsn) })),
    seconds: (performance.now() - started) / 1000,
    phases,
    findings,
  }
}

interface Run {
  options: RestoreOptions
  config: DatapipeConfig
  backup: Backup
  parts: Parts
  /** What everything is brought to. */
  point: RecoveryPoint
  plan: RestorePlan
  catchUp: CatchUpPlan
  phantoms: PhantomPlan | undefined
  context: Context
}

async function findPoint(options: RestoreOptions, storage: Storage, context: Context): Promise<{ backup: Backup; cut: Cut | undefined }> {
  const { backup, to, only } = options
  if (to !== undefined) return inPhase(context, 'find the point', () => resolvePoint({ storage, backup, to, only, context }))
  if (backup === undefined)
    throw new DatapipeError('usage', 'neither a BACKUP nor --to says what to restore', { hint: 'for example `datapipe restore latest`' })
  return { backup: await openBackup(storage, backup, context), cut: undefined }
}

/**
 * PostgreSQL recovers beside everything else, but nobody is let in before the rest is there: when another part fails, the database is not
 * left serving without its pipeline, and the next try goes on with the recovered server.
 */
async function act(run: Run): Promise<{ list: RestoreOutcome[]; slots: MadeSlot[] }> {
  await using open = new AsyncDisposableStack()
  const [others, postgres] = await sideBySide([bringOthers(run), recoverPostgres(run, open)])
  const undone = await undoPhantoms(run)
  const released = postgres === undefined ? undefined : await releasePostgres(run, postgres)
  const slots = postgres?.slots ?? []
  const connect = await bringConnectors(run, slots)
  return { list: [...others, ...undone, released, connect].filter((outcome) => outcome !== undefined), slots }
}

/** Registry, internal topics, then topics with their groups; the workers start as soon as their own topics are there. */
async function bringOthers(run: Run): Promise<RestoreOutcome[]> {
  const { plan } = run
  const raw = plan.registry?.registryDown ?? false
  const early = raw ? [await loadTopics(run, plan.topics.registry, 'restore the registry topic')] : []
  const registry = await bringRegistry(run, raw)
  const internal = await bringInternalTopics(run)
  const [topics] = await sideBySide([bringTopics(run), startWorkers(run)])
  return [...early.map(outcomeOf), registry, internal, ...topics].filter((outcome) => outcome !== undefined)
}

async function bringRegistry({ parts, config, backup, plan, options, context }: Run, raw: boolean): Promise<RestoreOutcome | undefined> {
  if (parts.registry === undefined || config.registry === undefined || plan.registry === undefined) return undefined
  const { registry } = config
  if (raw) await startServer({ what: 'registry', hook: options.start?.registry, command: registry.startCommand, context })
  return restoreRegistry({
    part: parts.registry,
    reader: backup.component('registry'),
    config: registry,
    route: plan.registry.route,
    usedIds: usedIdsOf(parts),
    context,
  })
}

/** The workers' topics, verbatim, and behind them the records that keep every connector STOPPED when the workers come up. */
async function bringInternalTopics(run: Run): Promise<RestoreOutcome | undefined> {
  const { plan, config, backup, context } = run
  // The connectors are the backup's, whatever is selected: with their topics they would come up running.
  const part = partsOf(backup).connect
  if (plan.topics.workers.length === 0) return undefined
  const loaded = await loadTopics(run, plan.topics.workers, 'restore internal topics')
  const topic = config.connect?.configTopic
  if (part && config.kafka && topic !== undefined && plan.topics.workers.includes(topic)) {
    const connectors = await readStoredConnectors(part, backup.component('connect'))
    const records = connectors.flatMap(({ name }) => keepStoppedRecords(name))
    if (records.length > 0) await appendRecords({ config: config.kafka, topic, partition: 0, records, context })
  }
  return outcomeOf(loaded)
}

async function bringTopics(run: Run): Promise<RestoreOutcome[]> {
  const { plan, parts, config, context, options } = run
  if (parts.kafka === undefined || config.kafka === undefined) return []
  const { kafka } = config
  const part = parts.kafka
  const loaded = await loadTopics(run, plan.topics.data, 'restore topics', plan.kafka.ofData)
  const file = options.kafka?.offsetMap
  if (file !== undefined) await writeOffsetMap(file, { backup: run.backup, offsetMap: loaded.offsetMap, context })
  const security = options.kafka?.acls
    ? [await inPhase(context, 'restore ACLs', () => restoreSecurity({ part, config: kafka, context, restore: true }))]
    : []
  if (options.kafka?.withoutGroups) return [outcomeOf(loaded), ...security]
  const chosen = options.kafka?.topics === undefined ? {} : { topics: plan.topics.data }
  const groups = await inPhase(context, 'restore groups', () =>
    restoreGroups({ ...chosen, part, offsetMap: loaded.offsetMap, spread: loaded.spread, config: kafka, context }),
  )
  return [outcomeOf(loaded), groups, ...security]
}

async function loadTopics(run: Run, topics: string[], phase: string, choices: TopicChoices = run.plan.kafka.ofInternal): Promise<RestoredTopics> {
  const { parts, config, backup, context } = run
  if (parts.kafka === undefined || config.kafka === undefined) throw new TypeError('no kafka to restore topics into')
  const { kafka } = config
  const part = parts.kafka
  return inPhase(context, phase, () => restoreTopics({ ...choices, part, reader: backup.component('kafka'), config: kafka, topics, context }))
}

/** Without the maps, which are larger than a report. */
function outcomeOf({ component, counts, bytes, findings }: RestoredTopics): RestoreOutcome {
  return { component, counts, bytes, findings }
}

interface RecoveredPostgres {
  fenced: FencedServer
  slots: MadeSlot[]
  lifted: Finding[]
}

/** PITR behind the fence, then slots. `open` stops a server whose fence is not lifted. */
async function recoverPostgres(
  { parts, config, backup, point, phantoms, options, context }: Run,
  open: AsyncDisposableStack,
): Promise<RecoveredPostgres | undefined> {
  if (parts.postgres === undefined || config.postgres === undefined) return undefined
  const fenced = await restorePostgres({
    part: parts.postgres,
    reader: backup.component('postgres'),
    recoveryPoint: point,
    config: config.postgres,
    context,
  })
  open.use(fenced)
  const lifted = options.lift && phantoms ? await liftPositions(fenced, phantoms.highest, context) : []
  // Also when connectors are not restored: without its slot no connector can go on, and a slot made later has lost what came before it.
  const owner = partsOf(backup).connect
  const stored = owner === undefined ? [] : await readStoredConnectors(owner, backup.component('connect'))
  const connectors = owner === undefined ? [] : readersOfPostgres(owner, stored, parts.postgres.server.slots)
  const slots = await inPhase(context, 'create slots', () => makeSlots(fenced, connectors, point.postgres?.lsn ?? ''))
  return { fenced, slots, lifted }
}

async function releasePostgres({ parts, config, options, context }: Run, { fenced, slots, lifted }: RecoveredPostgres): Promise<RestoreOutcome> {
  // The next backup makes a guard slot of its own.
  const unmade = (parts.postgres?.server.slots ?? []).filter(
    ({ name }) => name !== config.postgres?.guardSlot && !slots.some(({ slot }) => slot === name),
  )
  const findings = await inPhase(context, 'lift the fence', () =>
    fenced.release({
      ...(options.start?.postgres === undefined ? {} : { start: options.start.postgres }),
      ...(options.resumeArchiving === undefined ? {} : { resumeArchiving: options.resumeArchiving }),
    }),
  )
  return {
    component: 'postgres',
    counts: { segments: fenced.restored.segments, slots: slots.length },
    bytes: fenced.restored.bytes,
    findings: [...lifted, ...findings, ...unmade.map(slotNotMade), ...(parts.connect === undefined ? slots.map(offsetNotWritten) : [])],
  }
}

async function startWorkers({ parts, config, plan, options, context }: Run): Promise<void> {
  if (parts.connect === undefined || config.connect === undefined || !plan.workersDown) return
  const { connect } = config
  await inPhase(context, 'start connect', async () => {
    await startServer({ what: 'Connect workers', hook: options.start?.connect, command: connect.startCommand, context })
    await awaitWorkers(connect, context)
  })
}

async function bringConnectors({ parts, config, backup, catchUp, options, context }: Run, slots: MadeSlot[]): Promise<RestoreOutcome | undefined> {
  if (parts.connect === undefined || config.connect === undefined) return undefined
  await remakeSlots(catchUp, config, context)
  const live = config.postgres === undefined ? undefined : await livePositions(config.postgres.url, context)
  const { findings, ...counts } = await restoreConnectors({
    part: parts.connect,
    reader: backup.component('connect'),
    config: config.connect,
    slots,
    storedSlots: partsOf(backup).postgres?.server.slots,
    live,
    catchUp: catchUp.ways,
    secretsFile: options.secretsFile,
    leaveStopped: options.leaveConnectorsStopped ?? false,
    context,
  })
  return { component: 'connect', counts, bytes: 0, findings }
}
