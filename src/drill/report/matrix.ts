import { z } from 'zod'
import { measuredFields, runSchema } from './matrix-run.ts'
import { runVerdict } from './matrix-verdict.ts'

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

const rowSchema = z
  .strictObject({
    /** `id` of the run that this row is of. */
    run: z.string().min(1),
    /** The drill that this row is of, e.g. `lose everything`. */
    drill: z.string().min(1),
    /** What was restored, e.g. `PostgreSQL`, `CDC topics`, `pipeline`. */
    component: z.string().min(1),
    /** What restored it, e.g. `BASE_BACKUP` (PostgreSQL's replication protocol), `engine`, `REST`. */
    tool: z.string().min(1),
    /** In what form it was stored, e.g. `binary + WAL`, `record batches`, `JSON`. */
    format: z.string().min(1),
    verdict: z.enum(verdicts),
    /** Things compared, by their plural: `rows`, `records`, `schemas`… */
    counts: z.record(z.string(), z.number().int().nonnegative()),
    /** What did not come back, counted by the checkers, by its plural: `tombstones`, `timestamps`… Left out where nothing was lost. */
    losses: z.record(z.string(), z.number().int().positive()).optional(),
    /** Codes of the harm that this tool is declared to do; harm of any other code is a failure like every other. */
    knownLosses: z.array(z.string()).min(1).optional(),
    /** Stored size of this part of the backup; null where that means nothing. */
    bytes: z.number().int().nonnegative().nullable(),
    /** How long its restore took; null where that means nothing. */
    seconds: z.number().nonnegative().nullable(),
    /** What the verdict stands on: checkers that ran, files in the run directory. */
    evidence: z.array(z.string()),
    findings: z.array(findingSchema),
  })
  .superRefine((row, context) => {
    const harm = row.findings.some((finding) => finding.severity === 'harm')
    const refuse = (message: string) => context.addIssue({ code: 'custom', message: `${row.drill} / ${row.component}: ${message}` })
    if (row.verdict === 'pass' && harm) refuse('passes with a harmful finding')
    if (row.verdict === 'pass' && row.losses !== undefined) refuse('passes though something was lost')
    if (row.verdict === 'pass' && row.knownLosses !== undefined) refuse('passes though its tool is declared to lose something: who did not look?')
    if (row.verdict === 'pass' && !Object.values(row.counts).some((count) => count > 0)) refuse('passes though nothing was compared')
    if (row.verdict === 'fail' && !harm) refuse('fails without a harmful finding')
    if ((row.verdict === 'fail' || row.verdict === 'unknown') && !row.findings.some((finding) => finding.next))
      refuse(`is ${row.verdict} and does not say what to type next`)
    if (row.verdict === 'not run' && row.findings.length === 0) refuse('was not run and does not say why')
  })

/**
 * `matrix.json`: the result of one or several runs; the other forms are made from it. docs/matrix.md describes every field.
 * The schema holds more than shapes: a pass with nothing compared, a fail without a reason and a next command, or a row of no run is no matrix.
 */
export const matrixSchema = z
  .strictObject({
    generatedAt: z.iso.datetime({ offset: true }),
    ...measuredFields,
    /** Newest first; the fields above are those of the newest full drill. */
    runs: z.array(runSchema).min(1),
    rows: z.array(rowSchema).min(1),
  })
  .superRefine((matrix, context) => {
    const refuse = (message: string) => context.addIssue({ code: 'custom', message })
    const ids = new Set(matrix.runs.map(({ id }) => id))
    if (ids.size < matrix.runs.length) refuse('two runs have one id')
    for (const row of matrix.rows) if (!ids.has(row.run)) refuse(`${row.drill} / ${row.component}: is of no run`)
    for (const run of matrix.runs) {
      const rows = matrix.rows.filter((row) => row.run === run.id)
      if (rows.length === 0) refuse(`run ${run.id} has no row`)
      else if (runVerdict(rows) !== run.verdict) refuse(`run ${run.id} says ${run.verdict}, its rows say ${runVerdict(rows)}`)
      if (run.subject === 'engine' && rows.some(({ knownLosses }) => knownLosses !== undefined)) refuse(`run ${run.id}: the engine may lose nothing`)
    }
  })

export type Matrix = z.infer<typeof matrixSchema>
export type MatrixRow = Matrix['rows'][number]
export type MatrixFinding = MatrixRow['findings'][number]
