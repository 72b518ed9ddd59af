import { DatapipeError } from '../base/errors.ts'
import type { CommandInput } from './command-input.ts'
import { type CommandCall, defined, type Outcome, outcome } from './outcome.ts'

/** `backup` in its four ways: one backup, one after the other, planned in shards, a shard or the merge of them. */
export async function backupCommand({ input, config, context }: CommandCall): Promise<Outcome> {
  refuseMixed(input)
  if (input.flag('follow')) return followed({ input, config, context })
  if (input.text('shard') !== undefined || input.integer('shards') !== undefined || input.flag('merge')) return sharded({ input, config, context })
  const [{ backup }, { backupText }] = await Promise.all([import('../commands/backup.ts'), import('./results/backup.ts')])
  const options = {
    config: await config(),
    fresh: input.flag('fresh'),
    full: input.flag('full'),
    withoutBarrier: input.flag('no-barrier'),
    ...defined({ label: input.text('label') }),
  }
  return outcome(await backup(options, context), backupText)
}

async function followed({ input, config, context }: CommandCall): Promise<Outcome> {
  const [{ follow }, { followText }] = await Promise.all([import('../commands/follow.ts'), import('./results/follow.ts')])
  const options = {
    config: await config(),
    fresh: input.flag('fresh'),
    full: input.flag('full'),
    withoutBarrier: input.flag('no-barrier'),
    ...defined({
      label: input.text('label'),
      every: input.integer('every'),
      baseEvery: input.integer('base-every'),
      keepLast: input.integer('keep-last'),
      keepDays: input.integer('keep-days'),
    }),
  }
  return outcome(await follow(options, context), followText)
}

async function sharded({ input, config, context }: CommandCall): Promise<Outcome> {
  const shards = input.integer('shards')
  const named = defined({ id: input.text('id') })
  if (shards !== undefined) {
    const [{ backupPlan }, { backupPlanText }] = await Promise.all([import('../commands/backup-plan.ts'), import('./results/backup-shards.ts')])
    const options = {
      config: await config(),
      shards,
      fresh: input.flag('fresh'),
      full: input.flag('full'),
      ...defined({ label: input.text('label') }),
    }
    return outcome(await backupPlan(options, context), backupPlanText)
  }
  if (input.flag('merge')) {
    const [{ backupMerge }, { backupText }] = await Promise.all([import('../commands/backup-merge.ts'), import('./results/backup.ts')])
    return outcome(await backupMerge({ config: await config(), ...named }, context), backupText)
  }
  const [, shard, of] = /^([1-9]\d{0,5})\/([1-9]\d{0,5})$/.exec(input.text('shard') ?? '') ?? []
  if (shard === undefined) throw new DatapipeError('usage', `--shard ${input.text('shard')} is no shard`, { hint: 'say, for example, --shard 3/8' })
  const [{ backupShard }, { backupShardText }] = await Promise.all([import('../commands/backup-shard.ts'), import('./results/backup-shards.ts')])
  return outcome(await backupShard({ config: await config(), shard: Number(shard), shards: Number(of), ...named }, context), backupShardText)
}

/** An option that is taken and does nothing would be believed. */
function refuseMixed(input: CommandInput): void {
  const ways = [
    input.flag('follow') && '--follow',
    input.integer('shards') !== undefined && '--shards',
    input.text('shard') !== undefined && '--shard',
    input.flag('merge') && '--merge',
  ].filter((way) => way !== false)
  if (ways.length > 1) throw new DatapipeError('usage', `${ways.join(' and ')} are different runs`, { hint: 'docs/scale.md' })
  const [way] = ways
  if (input.text('id') !== undefined && way !== '--shard' && way !== '--merge') {
    throw new DatapipeError('usage', '--id means something with --shard and --merge alone', {
      hint: 'an unfinished backup is gone on with by itself',
    })
  }
  if (input.flag('no-barrier') && way !== undefined && way !== '--follow') {
    throw new DatapipeError('usage', `--no-barrier means nothing with ${way}: topics that are stored in shards are not cut`, {
      hint: 'leave it out: the connectors stop for seconds',
    })
  }
  const foreign = ['fresh', 'full'].filter((name) => input.flag(name)).concat(input.text('label') === undefined ? [] : ['label'])
  if ((way === '--shard' || way === '--merge') && foreign.length > 0) {
    throw new DatapipeError('usage', `--${foreign[0]} belongs to the plan`, { hint: `say it with --shards` })
  }
  if (way === '--follow') return
  const typed = ['every', 'base-every', 'keep-last', 'keep-days'].find((name) => input.integer(name) !== undefined)
  if (typed === undefined) return
  throw new DatapipeError('usage', `--${typed} means something with --follow alone`, {
    hint: 'add --follow, or leave it out; `datapipe expire` removes old backups',
  })
}
