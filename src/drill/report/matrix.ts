import { z } from 'zod'

/** Verdicts of a row. `unknown` (could not tell) and `not run` never count as `pass`. */
export const verdicts = ['pass', 'fail', 'unknown', 'not run'] as const

const findingSchema = z.strictObject({
  severity: z.enum(['harm', 'warning', 'note']),
  code: z.string(),
  component: z.enum(['postgres', 'kafka', 'registry', 'connect']),
  item: z.string(),
  message: z.string(),
  next: z.string().optional(),
})

const decimal = z.string().regex(/^\d+$/)
const seconds = z.number().nonnegative()

const rowSchema = z
  .strictObject({
    /** The drill that this row is of, e.g. `lose everything`. */
    drill: z.string().min(1),
    /** What was restored, e.g. `PostgreSQL`, `CDC topics`, `pipeline`. */
    component: z.string().min(1),
    /** What restored it, e.g. `pg_basebackup`, `engine`, `REST`. */
    tool: z.string().min(1),
    /** In what form it was stored, e.g. `binary + WAL`, `record batches`, `JSON`. */
    format: z.string().min(1),
    verdict: z.enum(verdicts),
    /** Things compared, by their plural: `rows`, `records`, `schemas`… */
    counts: z.record(z.string(), z.number().int().nonnegative()),
    /** Stored size of this part of the backup; null where that means nothing. */
    bytes: z.number().int().nonnegative().nullable(),
    /** How long its restore took; null where that means nothing. */
    seconds: seconds.nullable(),
    /** What the verdict stands on: checkers that ran, files in the run directory. */
    evidence: z.array(z.string()),
    findings: z.array(findingSchema),
  })
  .superRefine((row, context) => {
    const harm = row.findings.some((finding) => finding.severity === 'harm')
    const refuse = (message: string) => context.addIssue({ code: 'custom', message: `${row.drill} / ${row.component}: ${message}` })
    if (row.verdict === 'pass' && harm) refuse('passes with a harmful finding')
    if (row.verdict === 'pass' && !Object.values(row.counts).some((count) => count > 0)) refuse('passes though nothing was compared')
    if (row.verdict === 'fail' && !harm) refuse('fails without a harmful finding')
    if ((row.verdict === 'fail' || row.verdict === 'unknown') && !row.findings.some((finding) => finding.next))
      refuse(`is ${row.verdict} and does not say what to type next`)
    if (row.verdict === 'not run' && row.findings.length === 0) refuse('was not run and does not say why')
  })

/**
 * `matrix.json`: the one result of a full drill run; the other forms are made from it. docs/matrix.md describes every field.
 * The schema holds more than shapes: a pass with nothing compared, or a fail without a reason and a next command, is no matrix.
 */
export const matrixSchema = z.strictObject({
  generatedAt: z.iso.datetime({ offset: true }),
  stack: z.string().min(1),
  versions: z.record(z.string(), z.string()),
  /** As in the backup's manifest; null when no backup was made. */
  recoveryPoint: z
    .strictObject({
      name: z.string(),
      kind: z.enum(['barrier', 'no-connector']),
      takenAt: z.string(),
      postgres: z
        .strictObject({
          systemIdentifier: decimal,
          timeline: z.number().int().positive(),
          lsn: z.string(),
          xid: decimal.optional(),
          time: z.string().optional(),
        })
        .optional(),
      kafka: z.strictObject({ clusterId: z.string(), endOffsets: z.record(z.string(), z.record(z.string(), decimal)) }).optional(),
    })
    .nullable(),
  /** In the order in which they began; they may overlap. */
  phases: z.array(z.strictObject({ name: z.string().min(1), seconds })),
  /** From the loss of the servers to the canary seen; null when not measured. */
  rto: z.strictObject({ seconds, lostAt: z.iso.datetime({ offset: true }), recoveredAt: z.iso.datetime({ offset: true }) }).nullable(),
  /** From the last commit that came back to the loss; null when not measured. */
  rpo: z
    .strictObject({
      seconds,
      lastCommitAt: z.iso.datetime({ offset: true }),
      lostAt: z.iso.datetime({ offset: true }),
      /** Acknowledged transactions that did not come back: those committed after the recovery point. */
      transactionsLost: z.number().int().nonnegative(),
    })
    .nullable(),
  rows: z.array(rowSchema).min(1),
})

export type Matrix = z.infer<typeof matrixSchema>
export type MatrixRow = Matrix['rows'][number]
export type MatrixFinding = MatrixRow['findings'][number]
export type MatrixVerdict = MatrixRow['verdict']

/** One verdict for all rows: fail beats unknown; rows that were not run change nothing, but a matrix of nothing else is unknown. */
export function matrixVerdict(matrix: Matrix): 'pass' | 'fail' | 'unknown' {
  const found = new Set(matrix.rows.map((row) => row.verdict))
  if (found.has('fail')) return 'fail'
  return found.has('unknown') || !found.has('pass') ? 'unknown' : 'pass'
}
