import { DatapipeError } from '../base/errors.ts'
import { lossNames } from '../commands/loss-names.ts'
import type { CommandInput } from './command-input.ts'
import { drillRoutes } from './drill-options.ts'
import { type CommandCall, defined, type Outcome, outcome } from './outcome.ts'

/** Drills of `--loss`, `--all`, `--runs` and `--analyze`; undefined when none of them was said. */
export async function severalDrills(call: CommandCall): Promise<Outcome | undefined> {
  const { input } = call
  const analyze = input.text('analyze')
  if (analyze !== undefined) {
    const [{ drillAnalyze }, { analyzedText }] = await Promise.all([import('../commands/drill-analyze.ts'), import('./results/drill.ts')])
    return outcome(await drillAnalyze(analyze), analyzedText)
  }
  const runs = input.integer('runs') ?? (input.flag('all') ? 25 : undefined)
  const losses = input.flag('all') ? [...lossNames] : (input.choices('loss', lossNames) ?? [])
  if (runs === undefined && losses.length === 0) {
    if (input.flag('keep-going')) throw new DatapipeError('usage', '--keep-going says how to go on with --runs', { hint: 'add --runs K' })
    return undefined
  }
  refuseForeign(input, runs)
  const [{ drillEpisodes }, { drillText }] = await Promise.all([import('../commands/drill-episodes.ts'), import('./results/drill.ts')])
  const options = {
    losses,
    add: input.flag('add'),
    secure: input.flag('secure'),
    ...(input.flag('install') ? { install: true } : {}),
    ...(runs === undefined ? {} : { seeds: { first: input.integer('seed') ?? 1, runs, keepGoing: input.flag('keep-going') } }),
    ...defined({
      rows: input.integer('rows'),
      sqlFiles: input.list('sql'),
      reports: input.text('reports'),
      seconds: input.integer('seconds'),
      registryRoute: input.choice('registry-route', drillRoutes),
    }),
  }
  return outcome(await drillEpisodes(options, call.context), drillText)
}

/** An option that is taken and does nothing would be believed. */
function refuseForeign(input: CommandInput, runs: number | undefined): void {
  const texts = ['stack', 'archive-mode', 'profile', 'postgres', 'kafka', 'debezium', 'tools-image'].filter(
    (name) => name !== 'stack' || input.text('stack') === 'containers',
  )
  const foreign = [
    ...texts.filter((name) => input.text(name) !== undefined),
    ...(input.integer('engine-memory') === undefined ? [] : ['engine-memory']),
    ...(input.flag('keep') ? ['keep'] : []),
    ...(runs === undefined && input.integer('seed') !== undefined ? ['seed'] : []),
  ]
  if (foreign.length === 0) return
  throw new DatapipeError('usage', `several losses and seeds run on the embedded stack and know no --${foreign.join(', no --')}`, {
    hint: 'docs/drills.md says which options go together',
  })
}
