import type { Finding } from '../../base/finding.ts'
import type { CheckResult } from '../checkers/check-result.ts'
import { sameDefinitions } from '../checkers/same-definitions.ts'
import { sameRows } from '../checkers/same-rows.ts'
import type { PostgresObservation, RegistryObservation } from '../observers/observation.ts'
import type { RunRow } from '../report/assemble-matrix.ts'
import { type RowDescription, rowFromChecks } from '../report/matrix-row.ts'
import type { RouteTopic } from './observe-route.ts'
import { knownRegistryLosses, registryLosses } from './registry-losses.ts'
import { knownTopicLosses, topicLosses } from './topic-losses.ts'

export interface RouteObservation {
  postgres: PostgresObservation
  cdc: RouteTopic[]
  internal: RouteTopic[]
  /** Of the source alone: the same topics when the backup had ended. Connect writes to them all the time: what came meanwhile may be in the backup. */
  internalLater?: RouteTopic[]
  registry: RegistryObservation
  /** Schemas that the registry did not take back, as the script said: `subject/version` → the registry's answer. */
  refused?: Record<string, string>
}

/** A part of the route's backup and of its restore. */
export interface RoutePartFacts {
  bytes: number
  seconds: number
}

export interface RouteFacts {
  drill: string
  /** Where a person finds the evidence. */
  evidence: string
  postgres: RoutePartFacts
  cdc: RoutePartFacts
  internal: RoutePartFacts
  registry: RoutePartFacts
  /** Names of the connectors whose configurations were saved. */
  connectors: string[]
}

/** The four rows of the document's own matrix, under its tools. Pure: the same observations, the same rows. */
export function judgeRoute(before: RouteObservation, after: RouteObservation, facts: RouteFacts): RunRow[] {
  const { drill } = facts
  const refused = after.refused ?? {}
  const refusedIds = new Set(before.registry.schemas.filter(({ subject, version }) => `${subject}/${version}` in refused).map(({ id }) => id))
  const describe = (component: string, tool: string, format: string, part: RoutePartFacts): RowDescription => ({
    drill,
    component,
    tool,
    format,
    evidence: [facts.evidence],
    ...part,
  })
  return [
    rowFromChecks(describe('PostgreSQL', 'pg_basebackup', 'binary + WAL', facts.postgres), [
      sameRows(before.postgres, after.postgres),
      sameDefinitions(before.postgres, after.postgres),
    ]),
    lossyRow(
      describe('CDC topics', 'kafka-avro-console-consumer', 'JSON', facts.cdc),
      topicLosses('topic-losses (cdc)', before.cdc, after.cdc, { refusedIds }),
      knownTopicLosses,
    ),
    withNotes(
      lossyRow(
        describe('internal topics', 'kafka-console-consumer', 'raw', facts.internal),
        topicLosses('topic-losses (internal)', before.internal, after.internal, { meanwhile: before.internalLater ?? [] }),
        knownTopicLosses,
      ),
      facts.connectors.map(notPutBack),
    ),
    lossyRow(
      describe('Schema Registry', 'REST API (curl, jq)', 'JSON', facts.registry),
      registryLosses(before.registry, after.registry, refused),
      knownRegistryLosses,
    ),
  ]
}

/** The document saves what curl says of a connector, and has no step that reads it again. */
function notPutBack(name: string): Finding {
  return {
    severity: 'note',
    code: 'connector-not-put-back',
    component: 'connect',
    item: name,
    message:
      'its configuration was saved, and no step of the procedure puts it back: it returns with the raw connect-configs, if at all; no worker was started to see',
  }
}

function withNotes(row: RunRow, notes: Finding[]): RunRow {
  return { ...row, findings: [...row.findings, ...notes] }
}

/**
 * The row of a tool that is declared to lose something. When nothing of it was seen nobody can tell: the tool was mended, or the checker went blind.
 */
function lossyRow(description: RowDescription, result: CheckResult & { losses: Record<string, number> }, known: readonly string[]): RunRow {
  const row = { ...rowFromChecks(description, [result]), knownLosses: [...known] }
  if (row.verdict === 'pass')
    return {
      ...row,
      verdict: 'unknown',
      findings: [
        ...row.findings,
        {
          severity: 'warning',
          code: 'known-loss-not-seen',
          component: 'kafka',
          item: description.component,
          message: `none of ${known.join(', ')} was seen: the tool carries them now, or the checker is blind`,
          next: 'read the observations in the run directory; docs/decisions/0005-known-loss.md',
        },
      ],
    }
  return Object.keys(result.losses).length > 0 ? { ...row, losses: result.losses } : row
}
