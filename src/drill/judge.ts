import type { ShowResult } from '../commands/show.ts'
import type { RestoreResult } from '../commands/restore.ts'
import type { VerifyResult } from '../commands/verify.ts'
import type { ComponentName } from '../base/events.ts'
import type { Finding } from '../base/finding.ts'
import type { CheckResult } from './checkers/check-result.ts'
import { idsDecode } from './checkers/ids-decode.ts'
import { ledgerEvents } from './checkers/ledger-events.ts'
import { ledgerInvariant } from './checkers/ledger-invariant.ts'
import { ledgerPrefix } from './checkers/ledger-prefix.ts'
import { noSnapshotAfterResume } from './checkers/no-snapshot-after-resume.ts'
import { offsetNotAhead } from './checkers/offset-not-ahead.ts'
import { sameConnectors } from './checkers/same-connectors.ts'
import { sameDefinitions } from './checkers/same-definitions.ts'
import { sameGroups } from './checkers/same-groups.ts'
import { sameRecords } from './checkers/same-records.ts'
import { sameRows } from './checkers/same-rows.ts'
import { sameSchemas } from './checkers/same-schemas.ts'
import { sameTopicConfigs } from './checkers/same-topic-configs.ts'
import { slotThere } from './checkers/slot-there.ts'
import type { PipelineObservation } from './observe-all.ts'
import type { LedgerObservation, ObservedEvent, ObservedTopic } from './observers/observation.ts'
import type { RunRow } from './report/assemble-matrix.ts'
import { type RowDescription, rowFromChecks } from './report/matrix-row.ts'
import { slotName } from './workloads/connector.ts'
import type { LedgerTransaction } from './workloads/ledger-history.ts'

/** Everything a verdict stands on; saved before it is judged. */
export interface DrillEvidence {
  drill: string
  /** Of the ledger's transfers. */
  seed: number
  before: PipelineObservation
  after: PipelineObservation
  /** The writer's history up to the loss, and the restored ledger before it went on. */
  history: LedgerTransaction[]
  restoredLedger: LedgerObservation
  /** Ledger and its events after the writer went on and stopped, and where each partition of each ledger table ended before. */
  finalLedger: LedgerObservation
  finalEvents: ObservedEvent[]
  resumedFrom: Record<string, Record<string, string>>
  startBalance: number
  /** Kind of each topic of the backup. */
  kinds: Record<string, 'cdc' | 'internal' | 'application'>
  /** Topics restored raw; the others' state went back over REST. */
  restoredTopics: string[]
}

export interface DrillFacts {
  show: ShowResult
  restore: RestoreResult
  verify: VerifyResult
  /** Where a person finds the evidence. */
  evidence: string
}

/** The rows of the matrix. Pure: the same evidence, the same verdicts. */
export function judge(evidence: DrillEvidence, facts: DrillFacts): RunRow[] {
  const { before, after, drill } = evidence
  const cut = facts.show.backup.recoveryPoint?.postgres?.lsn ?? ''
  const topics = (kind: string) => (all: ObservedTopic[]) => all.filter(({ topic }) => isJudged(topic, kind, evidence))
  const records = (kind: string) => sameRecords(topics(kind)(before.topics), topics(kind)(after.topics), { checker: `same-records (${kind})` })
  const configs = (kind: string) => {
    const wanted = (all: PipelineObservation['topicConfigs']) => all.filter(({ topic }) => isJudged(topic, kind, evidence))
    return sameTopicConfigs(wanted(before.topicConfigs), wanted(after.topicConfigs))
  }
  const topicBytes = (kind: string) => sum((facts.show.kafka?.topics ?? []).filter((topic) => topic.kind === kind).map(({ bytes }) => bytes))
  const stored = (component: ComponentName) => {
    const bytes = facts.show.stored[component]
    return bytes === undefined ? {} : { bytes }
  }
  const row = (component: string, tool: string, format: string, results: CheckResult[], more: Partial<RowDescription> = {}) =>
    rowFromChecks({ drill, component, tool, format, evidence: [facts.evidence], ...more }, results)
  return [
    row(
      'PostgreSQL',
      'BASE_BACKUP',
      'binary + WAL',
      [
        sameRows(before.postgres, after.postgres),
        sameDefinitions(before.postgres, after.postgres),
        ledgerPrefix(evidence.history, evidence.restoredLedger, { lsn: cut }),
        ledgerInvariant(evidence.restoredLedger, { balance: evidence.startBalance }),
      ],
      { ...stored('postgres'), seconds: seconds(facts, /^postgres:/) },
    ),
    row('CDC topics', 'engine', 'record batches', [records('cdc'), configs('cdc')], {
      bytes: topicBytes('cdc'),
      seconds: seconds(facts, /^restore topics$/),
    }),
    row('application topics', 'engine', 'record batches', [records('application'), configs('application')], {
      bytes: topicBytes('application'),
      seconds: seconds(facts, /^restore topics$/),
    }),
    row('internal topics', 'engine', 'record batches', [records('internal'), configs('internal')], {
      bytes: topicBytes('internal'),
      seconds: seconds(facts, /^restore internal topics$/),
      evidence: [facts.evidence, `restored raw: ${evidence.restoredTopics.filter((topic) => evidence.kinds[topic] === 'internal').join(', ')}`],
    }),
    row(
      'Schema Registry',
      facts.restore.registryRoute === 'raw-topic' ? 'engine' : 'REST',
      facts.restore.registryRoute === 'raw-topic' ? 'record batches' : 'JSON',
      [sameSchemas(before.registry, after.registry), idsDecode(after.decode, before.decode)],
      {
        ...stored('registry'),
        seconds: seconds(facts, /^(restore|read back) registry/),
        evidence: [facts.evidence, `route: ${facts.restore.registryRoute}`],
      },
    ),
    row(
      'Kafka Connect',
      'REST',
      'JSON',
      [sameConnectors(before.connectors, after.connectors, { state: 'RUNNING' }), offsetNotAhead(after.connectors, after.slots)],
      { ...stored('connect'), seconds: seconds(facts, /connectors?( offsets| stopped)?$/) },
    ),
    row('consumer groups', 'engine', 'offsets', [sameGroups(before.groups, after.groups)], { seconds: seconds(facts, /^restore groups$/) }),
    row('pipeline resumes', 'Debezium', 'change events', [
      ledgerEvents(evidence.finalEvents, evidence.finalLedger),
      noSnapshotAfterResume(evidence.finalEvents, evidence.resumedFrom),
      slotThere(after.slots, { slot: slotName, active: true }),
      ledgerInvariant(evidence.finalLedger, { balance: evidence.startBalance }),
    ]),
    row('backup', 'datapipe verify', 'SHA-256 + CRC-32C', [verified(facts.verify)]),
  ]
}

/** Internal topics whose owner ran during the restore got their state back over REST; every other topic of the source must be there, record by record. */
function isJudged(topic: string, kind: string, { kinds, restoredTopics }: DrillEvidence): boolean {
  return kinds[topic] === kind && (kind !== 'internal' || restoredTopics.includes(topic))
}

/** What the engine's own verification said of the backup, as a check. */
function verified(result: VerifyResult): CheckResult {
  const findings: Finding[] = result.backups.flatMap(({ id, findings, reason }) => [
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
  const files = sum(result.backups.map((backup) => backup.files))
  const harm = findings.some(({ severity }) => severity === 'harm')
  return { checker: 'verify', verdict: harm ? 'fail' : files > 0 ? 'pass' : 'unknown', counts: { files }, findings }
}

function seconds({ restore }: DrillFacts, phase: RegExp): number {
  return sum(restore.phases.filter(({ name }) => phase.test(name)).map((item) => item.seconds))
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
