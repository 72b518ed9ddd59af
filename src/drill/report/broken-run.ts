import { DatapipeError, describeError } from '../../base/errors.ts'
import type { Finding } from '../../base/finding.ts'
import type { FinishedRun } from './assemble-matrix.ts'
import { rowNotRun } from './matrix-row.ts'

/** The rows of every drill of the engine: component, tool, format. */
const expected = [
  ['PostgreSQL', 'BASE_BACKUP', 'binary + WAL'],
  ['CDC topics', 'engine', 'record batches'],
  ['application topics', 'engine', 'record batches'],
  ['internal topics', 'engine', 'record batches'],
  ['Schema Registry', 'REST', 'JSON'],
  ['Kafka Connect', 'REST', 'JSON'],
  ['consumer groups', 'engine', 'offsets'],
  ['pipeline resumes', 'Debezium', 'change events'],
] as const

/**
 * A run that stopped half-way: the drill failed, and nothing else was looked at. Without it the reports of the night before
 * would stand there and say pass.
 */
export function brokenRun(run: Omit<FinishedRun['run'], 'recoveryPoint' | 'phases' | 'rto' | 'rpo' | 'notRun'>, error: unknown): FinishedRun {
  const { drill } = run
  const message = describeError(error)
  const next = error instanceof DatapipeError ? error.hint : 'npm run drill'
  const stopped: Finding = {
    severity: 'harm',
    code: error instanceof DatapipeError ? error.code : 'internal',
    component: 'postgres',
    item: drill,
    message,
    next,
  }
  const reason: Finding = {
    severity: 'warning',
    code: 'drill-stopped',
    component: 'postgres',
    item: drill,
    message: `the drill stopped before this: ${message}`,
    next,
  }
  return {
    run: { ...run, recoveryPoint: null, phases: [], rto: null, rpo: null },
    rows: [
      {
        drill,
        component: 'drill',
        tool: 'datapipe',
        format: 'whole run',
        verdict: 'fail',
        counts: {},
        bytes: null,
        seconds: null,
        evidence: [],
        findings: [stopped],
      },
      ...(run.subject === 'engine' ? expected : []).map(([component, tool, format]) => rowNotRun({ drill, component, tool, format }, reason)),
    ],
  }
}
