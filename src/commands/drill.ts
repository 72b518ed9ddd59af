import { mkdir, mkdtemp, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Context } from '../base/context.ts'
import { answers, DatapipeError } from '../base/errors.ts'
import type { Engine } from '../drill/engine.ts'
import { type MemoryWatch, watchMemory } from '../drill/memory-watch.ts'
import type { FinishedRun } from '../drill/report/assemble-matrix.ts'
import { brokenRun } from '../drill/report/broken-run.ts'
import type { Matrix } from '../drill/report/matrix.ts'
import type { MatrixRun } from '../drill/report/matrix-run.ts'
import { runVerdict } from '../drill/report/matrix-verdict.ts'
import { readMatrix } from '../drill/report/read-matrix.ts'
import { reportRuns } from '../drill/report/report-runs.ts'
import { runNotRun } from '../drill/report/run-not-run.ts'
import { runDrill } from '../drill/run-drill.ts'
import { planStage, type StageOptions } from '../drill/stage.ts'
import { recording } from './backup/recording.ts'

export interface DrillOptions extends StageOptions {
  /** Rows of the larger tables; the default is a drill under three minutes. */
  rows?: number
  /** Dumps of the user's own, loaded, captured and compared like everything else. */
  sqlFiles?: string[]
  registryRoute?: 'auto' | 'native' | 'raw-topic'
  /** Where the matrix goes. */
  reports?: string
  /** Keep the rows of other runs that stand in the matrix there; a run of the same kind is replaced. */
  add?: boolean
  /** How long the writer goes on before the backup, and again before the loss. */
  seconds?: number
  /** Of the writer's transfers; another one each time when left out. */
  seed?: number
}

export interface DrillResult {
  exitCode: number
  /** Of this run alone, whatever other runs stand in the matrix. */
  verdict: 'pass' | 'fail' | 'unknown'
  matrix: Matrix
  /** matrix.json, .md, .html and .junit.xml. */
  written: string[]
  /** History, observations and the backup. */
  evidence: string
  /** Where the servers still run, with `keep`. */
  stackDirectory?: string
}

const drillName = 'lose everything'

/**
 * Loses a whole pipeline on real servers and gets it back; see drill/run-drill.ts for the order. Exit code 20 when a check failed, 21 when
 * one could not tell. Throws `programs-missing`, `stack-failed`, and whatever stops a backup or a restore.
 */
export async function drill(options: DrillOptions, context: Context): Promise<DrillResult> {
  const sqlFiles = await readable(options.sqlFiles ?? [])
  const reports = resolve(options.reports ?? 'reports')
  const add = options.add ?? false
  // What cannot be added to is said before the drill, not after it.
  if (add) await readMatrix(reports)
  const evidence = await evidenceDirectory(reports, context)
  const stage = await planStage(drillName, options, context)
  const { run } = stage
  const staging = recording(context)
  await using open = await stage.start(evidence, staging.context).catch(async (error: unknown) => {
    if (error instanceof DatapipeError && (error.code === 'engine-missing' || error.code === 'image-missing')) {
      const runs = [runNotRun({ ...run, stack: stage.kind }, context.now(), error.message)]
      await reportRuns({ runs, directory: reports, add, at: context.now() })
    }
    throw error
  })
  const { stack, engine } = open
  await using memory = watchMemory(stack, engine)
  const outcome = await runDrill({
    stack,
    engine,
    rows: options.rows ?? 300,
    sqlFiles,
    registryRoute: options.registryRoute ?? 'auto',
    directory: evidence,
    writeSeconds: options.seconds ?? 3,
    startBalance: 1_000_000,
    ...(options.seed === undefined ? {} : { seed: options.seed }),
    // Without the servers' own, which are parts of these, and without images that had to be built.
    phasesBefore: staging.phases.filter(({ name }) => name.startsWith('start the ')),
    context,
  }).catch(async (error: unknown) => {
    if (context.signal.aborted) throw error
    const described = { ...run, stack: stack.kind, versions: await stack.versions(), at: context.now().toISOString() }
    await reportRuns({ runs: [brokenRun(described, error)], directory: reports, add, at: context.now() })
    throw error
  })
  const measured = { ...outcome.measured, memory: await highest(memory, engine, context) }
  const finished: FinishedRun = { run: { ...run, at: context.now().toISOString(), ...measured }, rows: outcome.rows }
  const { matrix, written } = await reportRuns({ runs: [finished], directory: reports, add, at: context.now() })
  const verdict = runVerdict(finished.rows)
  if (verdict === 'not run' || verdict === 'known loss') throw new DatapipeError('internal', `a drill of the engine ended as ${verdict}`)
  return {
    exitCode: { pass: answers.ok, fail: answers.no, unknown: answers.unknown }[verdict],
    verdict,
    matrix,
    written,
    evidence,
    ...(options.keep ? { stackDirectory: stack.directory } : {}),
  }
}

async function highest(memory: MemoryWatch, engine: Engine, context: Context): Promise<NonNullable<MatrixRun['memory']>> {
  const { peak, missed, lastMiss } = memory
  if (missed > 0) {
    const message = `${missed} looks at the memory of the servers failed, so that their peak may have been higher; the last one: ${lastMiss}`
    context.emit({ type: 'log', level: 'warning', message })
  }
  return {
    engineLimitBytes: engine.place === 'process' ? null : engine.place.memoryBytes,
    enginePeakBytes: (await engine.peakMemory()) ?? null,
    stackPeakBytes: peak ?? null,
    ...(missed > 0 ? { missedLooks: missed } : {}),
  }
}

/** `reports/runs/<drill>/<start>/`; never the same twice. */
async function evidenceDirectory(reports: string, context: Context): Promise<string> {
  const parent = join(reports, 'runs', 'lose-everything')
  await mkdir(parent, { recursive: true })
  return mkdtemp(join(parent, `${context.now().toISOString().replace(/[:.]/g, '-')}-`))
}

async function readable(files: string[]): Promise<string[]> {
  for (const file of files) {
    const found = await stat(file).catch((cause: unknown) => {
      throw new DatapipeError('usage', `the dump cannot be read: ${file}`, { path: file, cause })
    })
    if (!found.isFile()) throw new DatapipeError('usage', `the dump is not a file: ${file}`, { path: file })
  }
  return files.map((file) => resolve(file))
}
