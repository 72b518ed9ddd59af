import type { DatapipeConfig } from '../base/config.ts'
import { type Context, inPhase } from '../base/context.ts'
import { answers, DatapipeError } from '../base/errors.ts'
import { type ExpirePlan, expire as expireBackups, planExpiry } from '../repository/expire.ts'
import { lockRepository } from '../repository/lock.ts'
import { checkRepository } from '../repository/marker.ts'
import { openStorage } from '../storage/open-storage.ts'

export interface ExpireOptions {
  config: DatapipeConfig
  /** Keep the newest so many backups, and those of the last so many days; at least one of the two. */
  keepLast?: number
  keepDays?: number
  /** The repository's URL as the plan prints it: proof that the plan was read, and that it is the right repository. */
  yes?: string
  dryRun?: boolean
}

export interface ExpireResult {
  exitCode: number
  dryRun: boolean
  /** What `--yes` must say. */
  identity: string
  plan: Pick<ExpirePlan, 'keep' | 'remove'>
  files: number
  bytes: number
  seconds: number
}

/**
 * Removes old backups, and every file that no remaining one needs; what a killed run has left goes too. The newest complete backup stays
 * whatever the policy says. Throws `confirmation-missing` with the plan, `locked`, `artifact-damaged` for an unreadable manifest.
 */
export async function expire(options: ExpireOptions, context: Context): Promise<ExpireResult> {
  const started = performance.now()
  const { config, keepLast, keepDays, dryRun = false } = options
  if (keepLast === undefined && keepDays === undefined) {
    throw new DatapipeError('usage', 'what is to be kept?', { hint: 'say --keep-last N, --keep-days D, or both' })
  }
  const policy = { ...(keepLast === undefined ? {} : { last: keepLast }), ...(keepDays === undefined ? {} : { days: keepDays }) }
  const storage = openStorage(config.repository.url)
  await checkRepository(storage)
  const look = () => inPhase(context, 'plan', () => planExpiry(storage, policy, context.now()))
  const resultOf = ({ keep, remove, files }: ExpirePlan) => ({
    exitCode: answers.ok,
    dryRun,
    identity: storage.url,
    plan: { keep, remove },
    files: files.length,
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    seconds: (performance.now() - started) / 1000,
  })
  if (dryRun) return resultOf(await look())
  await using _lock = await lockRepository(storage, 'expire', context)
  const plan = await look()
  if (options.yes !== storage.url) throw unconfirmed(options.yes, storage.url, plan)
  await inPhase(context, 'remove', () => expireBackups(storage, plan, context))
  return resultOf(plan)
}

function unconfirmed(yes: string | undefined, url: string, { keep, remove, files }: ExpirePlan): DatapipeError {
  const lines = [
    ...remove.map(({ id, finishedAt }) => `backup ${id} (${finishedAt})`),
    `${files.length} files that none of the ${keep.length} others needs`,
  ]
  const begin = yes === undefined ? 'this would remove' : `${yes} is not the repository from which this would be removed`
  return new DatapipeError('confirmation-missing', `${begin}:${lines.map((line) => `\n  ${line}`).join('')}`, {
    path: url,
    hint: `if that is meant, repeat it with --yes ${url}`,
  })
}
