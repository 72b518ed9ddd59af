import type { DatapipeConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import type { ComponentName } from '../../base/events.ts'
import { connectComponent, planRestoreConnect, readStoredConnectors } from '../../components/connect/index.ts'
import { resolveSecrets } from '../../components/connect/secrets.ts'
import type { PlanStep } from '../../components/component.ts'
import type { Finding } from '../../base/finding.ts'
import { kafkaComponent, planRestoreGroups, planRestoreTopics, planSecurity } from '../../components/kafka/index.ts'
import type { TopicChoices } from '../../components/kafka/topic-choices.ts'
import { planRestorePostgres } from '../../components/postgres/plan-restore.ts'
import { planRestoreRegistry, type RegistryRestorePlan, type RegistryRoute } from '../../components/registry/index.ts'
import type { RecoveryPoint } from '../../repository/manifest.ts'
import type { Backup } from '../../repository/open-backup.ts'
import { sideBySide } from '../side-by-side.ts'
import { chooseTopics, type TopicChoice } from './choose-topics.ts'
import { chooseForKafka, withEnds, type KafkaChoices, type KafkaRestoreOptions } from './kafka-choices.ts'
import { oldNameFindings } from './old-names.ts'
import { tellRefusals } from './tell-refusals.ts'
import { topicGaps } from './topic-gaps.ts'
import { type Parts, partsOf, usedIdsOf } from './parts.ts'

export interface RestorePlan {
  registry: RegistryRestorePlan | undefined
  /** `data` is what is restored of them. */
  topics: TopicChoice
  kafka: Pick<KafkaChoices, 'ofData' | 'ofInternal'>
  workersDown: boolean
  steps: PlanStep[]
  /** What will not be as it was, or not for long: of topics, whose restore says it again, and of others. */
  findings: { topics: Finding[]; others: Finding[] }
  /** Of a dry run: what would refuse a restore now. */
  refused: Finding[]
}

export interface PlanOptions {
  config: DatapipeConfig
  backup: Backup
  /** What of it is restored. */
  parts: Parts
  secretsFile: string | undefined
  /** What of Kafka is restored, and how, when not all as it was. */
  kafka: KafkaRestoreOptions
  recoveryPoint: RecoveryPoint
  /** By `topic/partition` of topics with data: where they end, when that is before their stored end. */
  ends: ReadonlyMap<string, bigint>
  /** By topic with data: records from this time on do not belong. */
  toTimes: ReadonlyMap<string, bigint>
  inPlace: boolean
  route: RegistryRoute | 'auto'
  /** Tell of targets that refuse, and plan on. */
  dryRun: boolean
  context: Context
}

/**
 * Looks at the targets, refuses what is unsafe, and says step by step what a restore would do. Touches nothing. An error tells of every
 * target that refuses; a dry run lists what refuses, and goes on where that can change. Throws `target-is-source`, `target-not-empty`, `ids-would-change`, `wal-gap`, `config-invalid`, `unreachable`…
 */
export async function planRestore(options: PlanOptions): Promise<RestorePlan> {
  const { config, parts, context } = options
  refuseUnconfigured(config, parts)
  const { kafka, registry } = parts
  const owners = partsOf(options.backup)
  const secrets = parts.connect && checkSecrets(parts.connect, options)
  const refusals = tellRefusals(options.dryRun)
  const source = refusals.look('kafka', refuseSource(options), undefined)
  const workers = refusals.look('connect', workersAreDown(options), false)
  const rawTopicInBackup = registry !== undefined && kafka !== undefined && holdsRegistryTopic(kafka, registry)
  const registryPlan =
    registry && config.registry
      ? refusals.look<RegistryRestorePlan | undefined>(
          'registry',
          planRestoreRegistry({
            part: registry,
            reader: options.backup.component('registry'),
            config: config.registry,
            usedIds: usedIdsOf(parts),
            route: options.route,
            rawTopicInBackup,
            context,
          }),
          undefined,
        )
      : undefined
  const postgresPlan =
    parts.postgres && config.postgres
      ? planRestorePostgres({
          part: parts.postgres,
          recoveryPoint: options.recoveryPoint,
          config: config.postgres,
          context,
          refuse: (error) => refusals.refuse('postgres', error),
        })
      : undefined
  const topicPlan = async () => {
    // A plan that is refused is reported below; this one goes on to find what else is in the way.
    const registryRaw = (await registryPlan?.catch(() => undefined))?.registryDown ?? false
    const workersDown = await workers.catch(() => false)
    const all =
      kafka === undefined ? noTopics : chooseTopics({ part: kafka, registry: owners.registry, connect: owners.connect, registryRaw, workersDown })
    const chosen =
      kafka === undefined ? { data: [], ofData: {}, ofInternal: {} } : withEnds(chooseForKafka(options.kafka, kafka, all, config.kafka), options)
    const topics = { ...all, data: chosen.data }
    const reader = options.backup.component('kafka')
    const plan = async (names: string[], choices: TopicChoices) =>
      kafka && config.kafka && names.length > 0
        ? refusals.look('kafka', planRestoreTopics({ ...choices, part: kafka, reader, config: config.kafka, topics: names, context }), nothing)
        : nothing
    const ofRegistry = await plan(topics.registry, chosen.ofInternal)
    const ofWorkers = await plan(topics.workers, chosen.ofInternal)
    const ofData = await plan(topics.data, chosen.ofData)
    const groups =
      kafka && config.kafka && !options.kafka.withoutGroups
        ? await refusals.look('kafka', planRestoreGroups({ part: kafka, topics: topics.data, config: config.kafka, context }), [])
        : []
    // Beside working originals nobody asks about their rights.
    const wanted = options.kafka.acls === true
    const security =
      kafka && config.kafka && (wanted || options.kafka.topics === undefined)
        ? await planSecurity({ part: kafka, config: config.kafka, context, restore: wanted })
        : { steps: [], findings: [] }
    return {
      topics,
      chosen,
      registry: ofRegistry.steps,
      workers: ofWorkers.steps,
      data: [...ofData.steps, ...groups, ...security.steps],
      findings: [...ofRegistry.findings, ...ofWorkers.findings, ...ofData.findings],
      others: [
        ...(await oldNameFindings(options.backup, chosen.ofData.names ?? new Map())),
        // Without a choice everything comes from one point; under other names it stands beside what lives.
        ...(options.kafka.topics === undefined || options.kafka.rename !== undefined
          ? []
          : await topicGaps(options.backup, topics.data, options.recoveryPoint)),
        ...security.findings,
      ],
    }
  }
  const [, workersDown, , ofRegistry, ofPostgres, ofTopics] = await sideBySide([source, workers, secrets, registryPlan, postgresPlan, topicPlan()])
  const { topics } = ofTopics
  const steps: PlanStep[] = [
    ...ofTopics.registry,
    ...(ofRegistry?.steps ?? []),
    ...ofTopics.workers,
    ...(owners.connect && topics.workers.length > 0
      ? owners.connect.connectors.map(({ name }) => step('connect', `append records that make ${name} come up STOPPED`))
      : []),
    ...topics.evidence.map((name) =>
      step('kafka', `leave ${name} as it is: its owner runs and gets its state back over REST (the raw records stay in the backup)`),
    ),
    ...ofTopics.data,
    ...(ofPostgres ?? []),
    ...(parts.connect ? [...(workersDown ? [step('connect', 'start the workers')] : []), ...planRestoreConnect(parts.connect)] : []),
  ]
  const { ofData, ofInternal } = ofTopics.chosen
  return {
    registry: ofRegistry,
    topics,
    kafka: { ofData, ofInternal },
    workersDown,
    steps,
    findings: { topics: ofTopics.findings, others: ofTopics.others },
    refused: refusals.findings,
  }
}

const nothing = { steps: [], findings: [] }
const noTopics: TopicChoice = { registry: [], workers: [], data: [], evidence: [] }

function step(component: ComponentName, text: string): PlanStep {
  return { component, text, destructive: false }
}

/** Secrets that the backup does not hold must be there before anything is touched. Throws `config-invalid` with all that are missing. */
async function checkSecrets(part: NonNullable<Parts['connect']>, { backup, secretsFile }: PlanOptions): Promise<void> {
  const stored = await readStoredConnectors(part, backup.component('connect'))
  await resolveSecrets(stored, { env: process.env, ...(secretsFile === undefined ? {} : { secretsFile }) })
}

function refuseUnconfigured(config: DatapipeConfig, parts: Parts): void {
  const missing = (Object.keys(parts) as ComponentName[]).filter((name) => config[name] === undefined)
  if (missing.length === 0) return
  throw new DatapipeError('config-invalid', `the backup holds ${missing.join(' and ')}, and datapipe.yaml names no such server`, {
    path: `datapipe.yaml: ${missing[0]}`,
    hint: 'add it, or restore less with --only',
  })
}

/** Also asked when only topics are restored: the workers' own must not be loaded under them. */
async function workersAreDown({ config, backup, parts, context }: PlanOptions): Promise<boolean> {
  if (partsOf(backup).connect === undefined || config.connect === undefined) return false
  const identity = await connectComponent.identify(config.connect, context).catch((error: unknown) => {
    if (error instanceof DatapipeError && error.code === 'unreachable') return undefined
    throw error
  })
  if (parts.connect !== undefined && identity !== undefined && !identity.empty) {
    throw new DatapipeError('target-not-empty', `Connect at ${config.connect.url} already has ${identity.contents.slice(0, 5).join(', ')}`, {
      path: 'connect',
    })
  }
  return identity === undefined
}

/** The cluster that the backup came from is never written to by accident. (A running PostgreSQL is refused by its own plan.) */
async function refuseSource({ config, parts, inPlace, context }: PlanOptions): Promise<void> {
  if (inPlace || parts.kafka === undefined || config.kafka === undefined) return
  const { identity } = await kafkaComponent.identify(config.kafka, context)
  if (identity !== parts.kafka.clusterId) return
  throw new DatapipeError('target-is-source', `Kafka cluster ${identity} is the one that the backup came from`, { path: 'kafka' })
}

function holdsRegistryTopic(kafka: NonNullable<Parts['kafka']>, registry: NonNullable<Parts['registry']>): boolean {
  const records = (name: string) =>
    kafka.topics.find((topic) => topic.name === name)?.partitions.reduce((sum, { committedRecords }) => sum + committedRecords, 0n)
  return records(registry.topic.name) !== undefined && registry.topic.mustBeEmpty.every((name) => (records(name) ?? 0n) === 0n)
}
