import { mkdir, mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { type Context, inPhase } from '../base/context.ts'
import { DatapipeError } from '../base/errors.ts'
import { type Phase, recording } from '../commands/backup/recording.ts'
import { EmbeddedStack } from '../stack/embedded/embedded-stack.ts'
import type { Stack } from '../stack/stack.ts'
import { engineInChild } from './engine-in-child.ts'
import type { Fault } from './fault.ts'
import { giveArchive } from './give-archive.ts'
import type { LossName } from '../commands/loss-names.ts'
import { type Loss, lossOf, type Scene } from './losses.ts'
import { type DrillPipeline, pipelineOf, preparePipeline } from './prepare-pipeline.ts'
import { type DrillCut, type EpisodeOutcome, type EpisodePlan, runEpisode } from './run-episode.ts'

/** One drill of several that share their servers. */
export interface EpisodeRequest {
  /** Names its directory, and it in what is printed. */
  name: string
  loss: LossName
  registryRoute: Scene['registryRoute']
  fault?: Fault
  cut: DrillCut
  writer: EpisodePlan['writer']
  writeSeconds: number
}

export interface EpisodeEnd {
  request: EpisodeRequest
  loss: Loss
  /** Undefined where it broke. */
  outcome?: EpisodeOutcome
  error?: unknown
  /** Its run directory. */
  directory: string
  seconds: number
  versions: Record<string, string>
}

export interface RunEpisodes {
  requests: EpisodeRequest[]
  startStack: (context: Context) => Promise<Stack>
  rows: number
  sqlFiles: string[]
  reports: string
  context: Context
  /** Called behind each; false ends the row. */
  ended: (end: EpisodeEnd) => boolean
}

/**
 * Drills one after the other on one pipeline, which works again behind each: four servers start once. Where one does not end well nobody knows what
 * it left, and the next begins on servers of its own.
 */
export async function runEpisodes(options: RunEpisodes): Promise<void> {
  const { requests, context } = options
  let open: OpenStage | undefined
  let episode = 0
  try {
    for (const request of requests) {
      const loss = lossOf(request.loss)
      const started = performance.now()
      const directory = await runDirectory(options, request)
      const staging = recording(context)
      let end: Pick<EpisodeEnd, 'outcome' | 'error'>
      try {
        open ??= await openStage(options, staging.context)
        const outcome = await oneEpisode({ open, request, loss, directory, options, phasesBefore: staging.phases, episode: ++episode })
        open.episodes += 1
        end = { outcome }
      } catch (error) {
        if (context.signal.aborted) throw error
        end = { error }
      }
      const versions = (await open?.stack.versions()) ?? {}
      if (end.outcome === undefined || end.outcome.rows.some(({ verdict }) => verdict !== 'pass')) {
        await open?.stack[Symbol.asyncDispose]()
        open = undefined
      }
      if (!options.ended({ request, loss, ...end, directory, seconds: (performance.now() - started) / 1000, versions })) return
    }
  } finally {
    await open?.stack[Symbol.asyncDispose]()
  }
}

interface OpenStage {
  stack: EmbeddedStack
  pipeline: DrillPipeline
  /** How many drills it has behind it. */
  episodes: number
}

async function openStage({ startStack, rows, sqlFiles }: RunEpisodes, context: Context): Promise<OpenStage> {
  const stack = await inPhase(context, 'start the stack', () => startStack(context))
  try {
    if (!(stack instanceof EmbeddedStack))
      throw new DatapipeError('usage', 'several losses and seeds run on the embedded stack alone', { hint: 'add --stack embedded' })
    const config = stack.config('file:///nowhere')
    const pipeline = pipelineOf(config)
    await preparePipeline({ stack, pipeline, rows, sqlFiles, binDirectory: config.postgres?.binDirectory, context })
    return { stack, pipeline, episodes: 0 }
  } catch (error) {
    await stack[Symbol.asyncDispose]()
    throw error
  }
}

interface OneEpisode {
  open: OpenStage
  request: EpisodeRequest
  loss: Loss
  directory: string
  options: RunEpisodes
  phasesBefore: Phase[]
  episode: number
}

async function oneEpisode({ open, request, loss, directory, options, phasesBefore, episode }: OneEpisode): Promise<EpisodeOutcome> {
  const { stack, pipeline } = open
  await giveArchive(pipeline.postgresUrl)
  await using engine = await engineInChild({ stack, directory })
  return runEpisode({
    stack,
    engine,
    pipeline,
    loss,
    directory,
    cut: request.cut,
    reports: options.reports,
    registryRoute: request.registryRoute,
    ...(request.fault === undefined ? {} : { fault: request.fault }),
    writeSeconds: request.writeSeconds,
    // Sequences of transactions that were lost are used again: their epochs are not.
    writer: { ...request.writer, firstEpoch: 100 * episode },
    // The topics of the ledger's rows exist once the first was captured.
    fresh: open.episodes === 0,
    startBalance: 1_000_000,
    phasesBefore: phasesBefore.filter(({ name }) => name === 'start the stack'),
    context: options.context,
  })
}

/** `REPORTS/runs/NAME/START/`; never the same twice. */
async function runDirectory({ reports, context }: RunEpisodes, { name }: EpisodeRequest): Promise<string> {
  const parent = join(reports, 'runs', name)
  await mkdir(parent, { recursive: true })
  return mkdtemp(join(parent, `${context.now().toISOString().replace(/[:.]/g, '-')}-`))
}
