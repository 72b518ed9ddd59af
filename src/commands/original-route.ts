import { mkdir, mkdtemp } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Context, inPhase } from '../base/context.ts'
import { answers } from '../base/errors.ts'
import { runOriginalRoute } from '../drill/original-route/run-original-route.ts'
import type { FinishedRun } from '../drill/report/assemble-matrix.ts'
import { brokenRun } from '../drill/report/broken-run.ts'
import type { Matrix } from '../drill/report/matrix.ts'
import type { MatrixRun } from '../drill/report/matrix-run.ts'
import { runVerdict } from '../drill/report/matrix-verdict.ts'
import { readMatrix } from '../drill/report/read-matrix.ts'
import { reportRuns } from '../drill/report/report-runs.ts'
import { commandLineTools } from '../stack/embedded/command-line-tools.ts'
import { startEmbeddedStack } from '../stack/embedded/index.ts'

export interface OriginalRouteOptions {
  install?: boolean
  /** Rows of the larger tables. */
  rows?: number
  /** Where the matrix goes. */
  reports?: string
  /** Keep the rows of other runs that stand in the matrix there. */
  add?: boolean
  /** Run the scripts in a container of this image instead of on this machine. */
  toolsImage?: string
}

export interface OriginalRouteResult {
  exitCode: number
  verdict: MatrixRun['verdict']
  matrix: Matrix
  /** matrix.json, .md, .html and .junit.xml. */
  written: string[]
  /** What was observed, and the route's own backup. */
  evidence: string
}

const drillName = 'original route'

/**
 * The original document's way there and back, on real servers, judged by the drill's checkers: what it loses is counted. Exit code 0 when it loses
 * nothing but what docs/original-route.md declares, 20 when anything else is wrong, 21 when nobody can tell.
 */
export async function drillOriginalRoute(options: OriginalRouteOptions, context: Context): Promise<OriginalRouteResult> {
  const reports = resolve(options.reports ?? 'reports')
  const add = options.add ?? false
  if (add) await readMatrix(reports)
  const parent = join(reports, 'runs', 'original-route')
  await mkdir(parent, { recursive: true })
  const evidence = await mkdtemp(join(parent, `${context.now().toISOString().replace(/[:.]/g, '-')}-`))
  await using stack = await inPhase(context, 'start the stack', () =>
    startEmbeddedStack({ context, ...(options.install === undefined ? {} : { install: options.install }) }),
  )
  const host = await commandLineTools(stack.directory, context)
  const { toolsImage: image } = options
  const run = {
    id: image === undefined ? 'original-route' : 'original-route-image',
    drill: drillName,
    subject: 'reference',
    engine: image === undefined ? 'process' : { image, memoryBytes: null, cpus: null },
  } as const
  const outcome = await runOriginalRoute({
    stack,
    name: drillName,
    rows: options.rows ?? 100,
    tools:
      image === undefined
        ? { kind: 'host', path: [fileURLToPath(new URL('../../bin', import.meta.url)), ...host.path] }
        : { kind: 'image', image, mounts: [evidence, stack.directory] },
    postgresOwner: host.postgresOwner,
    directory: evidence,
    context,
  }).catch(async (error: unknown) => {
    if (context.signal.aborted) throw error
    const described = { ...run, stack: stack.kind, versions: await stack.versions(), at: context.now().toISOString() }
    await reportRuns({ runs: [brokenRun(described, error)], directory: reports, add, at: context.now() })
    throw error
  })
  const finished: FinishedRun = { run: { ...run, at: context.now().toISOString(), ...outcome.measured }, rows: outcome.rows }
  const { matrix, written } = await reportRuns({ runs: [finished], directory: reports, add, at: context.now() })
  const verdict = runVerdict(finished.rows)
  const exitCodes = { pass: answers.ok, 'known loss': answers.ok, fail: answers.no, unknown: answers.unknown, 'not run': answers.unknown }
  return { exitCode: exitCodes[verdict], verdict, matrix, written, evidence }
}
