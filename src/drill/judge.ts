import type { ShowResult } from '../commands/show.ts'
import type { RestoreResult } from '../commands/restore.ts'
import type { VerifyResult } from '../commands/verify.ts'
import type { ComponentName } from '../base/events.ts'
import type { Finding } from '../base/finding.ts'
import type { CheckResult } from './checkers/check-result.ts'
import { faultLivedThrough } from './checkers/fault-lived-through.ts'
import { idsDecode } from './checkers/ids-decode.ts'
import { offsetNotAhead } from './checkers/offset-not-ahead.ts'
import { sameConnectors } from './checkers/same-connectors.ts'
import { sameDefinitions } from './checkers/same-definitions.ts'
import { sameGroups } from './checkers/same-groups.ts'
import { sameRecords } from './checkers/same-records.ts'
import { sameRows } from './checkers/same-rows.ts'
import { sameSchemas } from './checkers/same-schemas.ts'
import { sameTopicConfigs } from './checkers/same-topic-configs.ts'
import { slotThere } from './checkers/slot-there.ts'
import type { Phase } from '../commands/backup/recording.ts'
import type { FaultOutcome } from './fault.ts'
import { judgeCut, judgeLedger, judgeResume } from './judge-ledger.ts'
import type { LossName } from '../commands/loss-names.ts'
import type { DrillPart } from './losses.ts'
import type { PipelineObservation } from './observe-all.ts'
import type { LedgerObservation, ObservedEvent, ObservedTopic } from './observers/observation.ts'
import type { RunRow } from './report/assemble-matrix.ts'
import { type RowDescription, rowFromChecks } from './report/matrix-row.ts'
import { slotName } from './workloads/connector.ts'
import type { LedgerTransaction } from './workloads/ledger-history.ts'

/** Everything a verdict stands on; saved before it is judged. Plain JSON. */
export interface DrillEvidence {
  drill: string
  loss: LossName
  /** What was brought back to the recovery point; everything else was left alone. */
  parts: readonly DrillPart[]
  /** Where the topics were cut: at a barrier the backup ends there, otherwise the restore leaves out what is behind. */
  cut: 'barrier' | 'no barrier' | 'to'
  /** Rows came to the topics once more from a new snapshot. */
  resnapshot: boolean
  /** Of the ledger's transfers. */
  seed: number
  /** The ledger before the writer's history began, and where each partition of its topics ended (`table → partition → offset`). */
  baseline: LedgerObservation
  began: Record<string, Record<string, string>>
  before: PipelineObservation
  after: PipelineObservation
  /** The writer's history up to the loss of PostgreSQL (where that was left alone: up to the look at it), and the ledger then. */
  history: LedgerTransaction[]
  restoredLedger: LedgerObservation
  /** History, ledger and its events after the writer went on and stopped, and where each partition of each ledger table ended before. */
  wholeHistory: LedgerTransaction[]
  finalLedger: LedgerObservation
  finalEvents: ObservedEvent[]
  resumedFrom: Record<string, Record<string, string>>
  startBalance: number
  /** Kind of each topic of the source. */
  kinds: Record<string, 'cdc' | 'internal' | 'application'>
  /** Topics restored raw; the others' state went back over REST. */
  restoredTopics: string[]
  fault?: FaultOutcome
  facts: DrillFacts
  times: { lostAt: string; recoveredAt: string }
}

/** What the engine said of its work, as far as verdicts and rows need it. */
export interface DrillFacts {
  /** The recovery point's LSN. */
  cut: string
  stored: Partial<Record<ComponentName, number>>
  /** Stored size of the topics of each kind. */
  topicBytes: Record<string, number>
  restorePhases: Phase[]
  registryRoute: string | undefined
  /** Findings and files of `datapipe verify`. */
  verify: { files: number; findings: Finding[] }
  /** Where a person finds the evidence. */
  evidence: string
}

export function factsOf(told: {
  show: ShowResult
  restore: Pick<RestoreResult, 'phases' | 'registryRoute'> & Partial<Pick<RestoreResult, 'recoveryPoint'>>
  verify: VerifyResult
  evidence: string
}): DrillFacts {
  const { show, restore, verify } = told
  const topicBytes: Record<string, number> = {}
  for (const { kind = 'application', bytes } of show.kafka?.topics ?? []) topicBytes[kind] = (topicBytes[kind] ?? 0) + bytes
  return {
    cut: restore.recoveryPoint?.postgres?.lsn ?? show.backup.recoveryPoint?.postgres?.lsn ?? '',
    stored: show.stored,
    topicBytes,
    restorePhases: restore.phases,
    registryRoute: restore.registryRoute,
    verify: { files: sum(verify.backups.map(({ files }) => files)), findings: verifyFindings(verify) },
    evidence: told.evidence,
  }
}

/** Behind the end of every WAL: a database that was left alone has lost nothing. */
const nothingLost = 'FFFFFFFF/FFFFFFFF'

/** The rows of the matrix. Pure: the same evidence, the same verdicts. */
export function judge(evidence: DrillEvidence): RunRow[] {
  const { before, after, drill, facts, loss } = evidence
  const brought = (part: DrillPart) => evidence.parts.includes(part)
  const topics = (kind: string) => (all: ObservedTopic[]) => all.filter(({ topic }) => isJudged(topic, kind, evidence))
  const records = (kind: string) =>
    sameRecords(upToTheCut(topics(kind)(before.topics), kind, evidence), topics(kind)(after.topics), { checker: `same-records (${kind})` })
  const configs = (kind: string) => {
    const wanted = (all: PipelineObservation['topicConfigs']) => all.filter(({ topic }) => isJudged(topic, kind, evidence))
    return sameTopicConfigs(wanted(before.topicConfigs), wanted(after.topicConfigs))
  }
  const stored = (component: ComponentName) => {
    const bytes = facts.stored[component]
    return bytes === undefined ? {} : { bytes }
  }
  const row = (component: string, tool: string, format: string, results: CheckResult[], more: Partial<RowDescription> = {}) =>
    rowFromChecks({ drill, component, tool, format, evidence: [facts.evidence], ...more }, results)
  /** What was not lost was not touched, and is the same all the same. */
  const partRow = (part: DrillPart, ...[component, tool, format, results, more]: Parameters<typeof row>) =>
    brought(part) ? row(component, tool, format, results, more) : row(component, '–', 'left alone', results)
  const internal = Object.keys(evidence.kinds).some((topic) => isJudged(topic, 'internal', evidence))
  return [
    row(
      'PostgreSQL',
      ...wayOfPostgres(evidence),
      [
        sameRows(before.postgres, after.postgres),
        sameDefinitions(before.postgres, after.postgres),
        ...judgeLedger(evidence, brought('postgres') ? facts.cut : nothingLost),
      ],
      brought('postgres') ? { ...stored('postgres'), seconds: seconds(facts, /^postgres:/) } : { seconds: seconds(facts, /^bring rows back$/) },
    ),
    partRow('cdc', 'CDC topics', 'engine', 'record batches', [records('cdc'), configs('cdc'), ...judgeCut(evidence)], {
      bytes: facts.topicBytes.cdc ?? 0,
      seconds: seconds(facts, /^restore topics$/),
    }),
    partRow('application', 'application topics', 'engine', 'record batches', [records('application'), configs('application')], {
      bytes: facts.topicBytes.application ?? 0,
      seconds: seconds(facts, /^restore topics$/),
    }),
    ...(internal
      ? [
          row('internal topics', 'engine', 'record batches', [records('internal'), configs('internal')], {
            bytes: facts.topicBytes.internal ?? 0,
            seconds: seconds(facts, /^restore (internal topics|the registry topic)$/),
          }),
        ]
      : []),
    partRow(
      'registry',
      'Schema Registry',
      'REST',
      facts.registryRoute === 'raw-topic' ? 'record batches' : 'JSON',
      [sameSchemas(before.registry, after.registry), idsDecode(after.decode, cutsTopics(evidence) ? undefined : before.decode)],
      {
        ...stored('registry'),
        seconds: seconds(facts, /^(restore|read back) registry/),
        evidence: [facts.evidence, `route: ${facts.registryRoute}`],
      },
    ),
    partRow(
      'connect',
      'Kafka Connect',
      'REST',
      'JSON',
      [sameConnectors(before.connectors, after.connectors, { state: 'RUNNING' }), offsetNotAhead(after.connectors, after.slots)],
      { ...stored('connect'), seconds: seconds(facts, /connectors?( offsets| stopped)?$/) },
    ),
    partRow('groups', 'consumer groups', 'engine', 'offsets', [sameGroups(before.groups, after.groups)], {
      seconds: seconds(facts, /^restore groups$/),
    }),
    row('pipeline resumes', 'Debezium', 'change events', [...judgeResume(evidence), slotThere(after.slots, { slot: slotName, active: true })]),
    ...(evidence.fault === undefined ? [] : [row('fault on the way', 'datapipe', loss, [faultLivedThrough(evidence.fault)])]),
    row('backup', 'datapipe verify', 'SHA-256 + CRC-32C', [verified(facts.verify)]),
  ]
}

/** The whole server, rows of one table, or nothing. */
function wayOfPostgres({ parts }: DrillEvidence): [tool: string, format: string] {
  if (parts.includes('postgres')) return ['BASE_BACKUP', 'binary + WAL']
  return parts.includes('rows') ? ['rows', 'SQL'] : ['–', 'left alone']
}

/** Records that the look before the loss saw did not come back, rightly: how many there are of each id is another number then. */
function cutsTopics({ cut, parts }: DrillEvidence): boolean {
  return cut !== 'barrier' && parts.includes('cdc')
}

/**
 * Where the restore cuts by transaction, the backup's topics reach further than what came back: then what came back is compared with as many records
 * from the beginning. That these are exactly the ones that belong is for the ledger's checkers.
 */
function upToTheCut(before: ObservedTopic[], kind: string, evidence: DrillEvidence): ObservedTopic[] {
  if (!cutsTopics(evidence) || kind !== 'cdc') return before
  return before.map(({ topic, partitions }) => {
    const now = evidence.after.topics.find((one) => one.topic === topic)?.partitions ?? []
    const count = (number: number) => now.find(({ partition }) => partition === number)?.records.length ?? 0
    return { topic, partitions: partitions.map((one) => ({ ...one, records: one.records.slice(0, count(one.partition)) })) }
  })
}

/** Internal topics whose owner ran during the restore got their state back over REST; every other topic of the source must be there, record by record. */
function isJudged(topic: string, kind: string, { kinds, restoredTopics }: DrillEvidence): boolean {
  return kinds[topic] === kind && (kind !== 'internal' || restoredTopics.includes(topic))
}

/** What the engine's own verification said of the backup, as a check. */
function verified({ files, findings }: DrillFacts['verify']): CheckResult {
  const harm = findings.some(({ severity }) => severity === 'harm')
  return { checker: 'verify', verdict: harm ? 'fail' : files > 0 ? 'pass' : 'unknown', counts: { files }, findings }
}

function verifyFindings(result: VerifyResult): Finding[] {
  return result.backups.flatMap(({ id, findings, reason }) => [
    ...findings.map((finding) => ({ ...finding, next: finding.next ?? `datapipe verify ${id}` })),
    ...(reason === undefined
      ? []
      : [
          {
            severity: 'harm' as const,
            code: 'manifest-damaged',
            component: 'kafka' as const,
            item: id,
            message: reason,
            next: `datapipe verify ${id}`,
          },
        ]),
  ])
}

function seconds({ restorePhases }: DrillFacts, phase: RegExp): number {
  return sum(restorePhases.filter(({ name }) => phase.test(name)).map((item) => item.seconds))
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

/** What the time until it worked again went into: what was done one after the other from the loss to the first new event. */
export function rtoPhases(phases: Phase[], loss: string): Phase[] {
  const ofRto = [loss, 'start empty servers', 'restore', 'after the restore', 'first new event']
  return phases.filter(({ name }) => ofRto.includes(name)).map(({ name, seconds }) => ({ name, seconds: Math.round(seconds * 1000) / 1000 }))
}
