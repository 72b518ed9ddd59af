import { randomInt } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Context } from '../base/context.ts'
import { type Phase, recording } from '../commands/backup/recording.ts'
import type { Stack } from '../stack/stack.ts'
import type { Engine } from './engine.ts'
import { lossOf } from './losses.ts'
import { pipelineOf, preparePipeline } from './prepare-pipeline.ts'
import { type EpisodeOutcome, runEpisode } from './run-episode.ts'

export interface DrillPlan {
  stack: Stack
  /** What is under test; it keeps its repository in `directory`. */
  engine: Engine
  rows: number
  sqlFiles: string[]
  registryRoute: 'auto' | 'native' | 'raw-topic'
  /** Where evidence goes: histories, observations, the backup's repository. `REPORTS/runs/DRILL/START`; the matrix names it from REPORTS. */
  directory: string
  /** Seconds that the writer goes on before the backup and between backup and loss. */
  writeSeconds: number
  /** What the ledger's accounts began with. */
  startBalance: number
  /** Of the ledger's transfers; one that nobody chose is another one each time. */
  seed?: number
  /** What the run took before the drill: starting the servers. */
  phasesBefore?: Phase[]
  context: Context
}

/** The whole drill: a pipeline is made, everything of it lost, and brought back (run-episode.ts). */
export async function runDrill(plan: DrillPlan): Promise<EpisodeOutcome> {
  const { stack, directory } = plan
  const { context, phases } = recording(plan.context)
  await mkdir(directory, { recursive: true })
  const config = stack.config('file:///nowhere')
  const pipeline = pipelineOf(config)
  await preparePipeline({ stack, pipeline, rows: plan.rows, sqlFiles: plan.sqlFiles, binDirectory: config.postgres?.binDirectory, context })
  const seed = plan.seed ?? randomInt(1, 2 ** 32)
  context.emit({ type: 'log', level: 'info', message: `the ledger's transfers have the seed ${seed} (the same ones again: --seed ${seed})` })
  return runEpisode({
    ...plan,
    pipeline,
    loss: lossOf('all'),
    reports: join(directory, '..', '..', '..'),
    writer: { seed },
    fresh: true,
    cut: 'barrier',
    phasesBefore: [...(plan.phasesBefore ?? []), ...phases],
  })
}
