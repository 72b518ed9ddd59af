import { randomInt } from 'node:crypto'
import { join, relative, resolve } from 'node:path'
import type { Context } from '../base/context.ts'
import { answers, DatapipeError, describeError } from '../base/errors.ts'
import type { LossName } from './loss-names.ts'
import { planFromSeed, planText } from '../drill/plan-from-seed.ts'
import type { FinishedRun, RunRow } from '../drill/report/assemble-matrix.ts'
import { brokenRun } from '../drill/report/broken-run.ts'
import type { Matrix } from '../drill/report/matrix.ts'
import { runVerdict } from '../drill/report/matrix-verdict.ts'
import { readMatrix } from '../drill/report/read-matrix.ts'
import { reportRuns } from '../drill/report/report-runs.ts'
import { seedRow } from '../drill/report/seed-row.ts'
import { type EpisodeEnd, type EpisodeRequest, runEpisodes } from '../drill/run-episodes.ts'
import { startEmbeddedStack } from '../stack/embedded/index.ts'

export interface DrillEpisodesOptions {
  install?: boolean
  rows?: number
  sqlFiles?: string[]
  reports?: string
  add?: boolean
  seconds?: number
  secure?: boolean
  registryRoute?: EpisodeRequest['registryRoute']
  /** What is lost, one drill each. */
  losses: LossName[]
  /** Randomised drills: so many seeds from the first on. */
  seeds?: { first: number; runs: number; keepGoing: boolean }
}

export interface DrillEpisodesResult {
  exitCode: number
  verdict: 'pass' | 'fail' | 'unknown'
  matrix: Matrix
  written: string[]
  /** Where the run directories are. */
  evidence: string
  /** One line each, as they were printed while they ran. */
  lines: string[]
}

/**
 * Several drills on one set of servers: each loss, then each seed (drill/run-episodes.ts). The matrix is written behind each, so that a run that
 * is ended half-way leaves what it has. Stops behind the first seed that does not pass, unless told to go on.
 */
export async function drillEpisodes(options: DrillEpisodesOptions, context: Context): Promise<DrillEpisodesResult> {
  const reports = resolve(options.reports ?? 'reports')
  let add = options.add ?? false
  if (add) await readMatrix(reports)
  const seeded = Array.from({ length: options.seeds?.runs ?? 0 }, (_, index) => seedRequest((options.seeds?.first ?? 1) + index))
  const requests = [...options.losses.map((loss) => lossRequest(loss, options)), ...seeded]
  if (requests.length === 0) throw new DatapipeError('usage', 'there is nothing to drill', { hint: 'name losses, or a number of runs' })
  const run = { subject: 'engine' as const, engine: 'process' as const, stack: 'embedded' }
  const lines: string[] = []
  const seedRows: RunRow[] = []
  const verdicts: string[] = []
  let last: { matrix: Matrix; written: string[] } | undefined
  const pending: Promise<unknown>[] = []

  await runEpisodes({
    requests,
    startStack: (through) =>
      startEmbeddedStack({
        context: through,
        secure: options.secure ?? false,
        ...(options.install === undefined ? {} : { install: options.install }),
      }),
    rows: options.rows ?? 300,
    sqlFiles: options.sqlFiles ?? [],
    reports,
    context,
    ended: (end) => {
      const { request, loss, outcome, versions } = end
      const at = context.now().toISOString()
      const described = { ...run, id: `embedded-${request.name}`, drill: loss.drill, versions, at }
      const finished: FinishedRun =
        outcome === undefined ? brokenRun(described, end.error) : { run: { ...described, ...outcome.measured }, rows: outcome.rows }
      const verdict = runVerdict(finished.rows)
      verdicts.push(verdict)
      const line = lineOf(end, verdict)
      lines.push(line)
      context.emit({ type: 'log', level: verdict === 'pass' ? 'info' : 'warning', message: line })
      const seed = seedOf(request)
      if (seed !== undefined) seedRows.push(rowOfSeed(seed, end, finished, reports))
      const runs = seed === undefined ? [finished] : [seedsRun({ ...described, ...measuredOf(end) }, seedRows)]
      const keep = add
      pending.push(
        (pending.at(-1) ?? Promise.resolve()).then(async () => {
          last = await reportRuns({ runs, directory: reports, add: keep, at: context.now() })
        }),
      )
      add = true
      return seed === undefined || verdict === 'pass' || (options.seeds?.keepGoing ?? false)
    },
  })
  await Promise.all(pending)
  if (last === undefined) throw new DatapipeError('internal', 'drills ended without a report')
  const verdict = verdicts.includes('fail') ? 'fail' : verdicts.every((one) => one === 'pass') ? 'pass' : 'unknown'
  return {
    exitCode: { pass: answers.ok, fail: answers.no, unknown: answers.unknown }[verdict],
    verdict,
    ...last,
    evidence: join(reports, 'runs'),
    lines,
  }
}

function lossRequest(loss: LossName, { registryRoute = 'auto', seconds = 3 }: DrillEpisodesOptions): EpisodeRequest {
  return { name: `loss-${loss}`, loss, cut: 'barrier', registryRoute, writer: { seed: randomInt(1, 2 ** 32) }, writeSeconds: seconds }
}

function seedRequest(seed: number): EpisodeRequest {
  const { loss, cut, fault, registryRoute, writer, writeSeconds } = planFromSeed(seed)
  return { name: `seed-${seed}`, loss, cut, registryRoute, ...(fault === undefined ? {} : { fault }), writer: { seed, ...writer }, writeSeconds }
}

function seedOf({ name }: EpisodeRequest): number | undefined {
  const [, seed] = /^seed-(\d+)$/.exec(name) ?? []
  return seed === undefined ? undefined : Number(seed)
}

/** `seed 17: pass in 64.1 s: postgres, no fault`, and for one that did not pass how to run it again, and where to look. */
function lineOf({ request, loss, seconds, error, directory }: EpisodeEnd, verdict: string): string {
  const seed = seedOf(request)
  const what = seed === undefined ? `${loss.drill}: ${verdict}` : `seed ${seed}: ${verdict}`
  const plan = seed === undefined ? '' : `: ${planText(planFromSeed(seed))}`
  const why = error === undefined ? '' : `: ${describeError(error)}`
  const again = verdict === 'pass' ? '' : `; again: ${againText(request)}; judged again: datapipe drill --analyze ${directory}`
  return `${what} in ${seconds.toFixed(1)} s${plan}${why}${again}`
}

function againText(request: EpisodeRequest): string {
  const seed = seedOf(request)
  return seed === undefined ? `npm run drill -- --loss ${request.loss}` : `npm run drill -- --seed ${seed} --runs 1`
}

function rowOfSeed(seed: number, { directory, request, seconds, outcome }: EpisodeEnd, { rows }: FinishedRun, reports: string): RunRow {
  const evidence = relative(reports, directory)
  const description = { seed, plan: planText(planFromSeed(seed)), again: againText(request), evidence }
  return seedRow({ ...description, seconds: outcome?.measured.rto?.seconds ?? seconds }, rows)
}

type Described = Omit<FinishedRun['run'], 'recoveryPoint' | 'phases' | 'rto' | 'rpo'>

function measuredOf({ outcome }: EpisodeEnd): Pick<FinishedRun['run'], 'recoveryPoint'> {
  return { recoveryPoint: outcome?.measured.recoveryPoint ?? null }
}

function seedsRun(described: Described & Pick<FinishedRun['run'], 'recoveryPoint'>, rows: RunRow[]): FinishedRun {
  const { stack, versions, at, subject, engine, recoveryPoint } = described
  return {
    run: { id: 'embedded-seeds', drill: 'randomised', subject, engine, stack, versions, at, recoveryPoint, phases: [], rto: null, rpo: null },
    rows: [...rows],
  }
}
