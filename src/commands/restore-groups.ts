import type { DatapipeConfig } from '../base/config.ts'
import { type Context, inPhase } from '../base/context.ts'
import { answers, DatapipeError } from '../base/errors.ts'
import type { ComponentName } from '../base/events.ts'
import { planLiveGroups, setLiveGroups } from '../components/kafka/index.ts'
import { openBackup } from '../repository/open-backup.ts'
import { openStorage } from '../storage/open-storage.ts'
import { recording } from './backup/recording.ts'
import { partsOf } from './restore/parts.ts'
import { readOffsetMap } from './restore/read-offset-map.ts'
import type { RestoreResult } from './restore.ts'

export interface RestoreGroupsOptions {
  config: DatapipeConfig
  /** Id, a beginning of it, or `latest`. */
  backup: string
  /** Globs of group ids; each must match a group of the backup. */
  groups: string[]
  /** Globs: only positions in these topics. */
  topics?: string[]
  only: ComponentName[] | undefined
  /** What the restore that made the live topics wrote with `--offset-map`. */
  byOffsetMap?: string
  dryRun?: boolean
}

/**
 * Puts consumer groups back where a backup has them, on topics that live on, and touches nothing else: for a group that was reset by mistake.
 * Throws `group-not-applied` for a topic that is another one, or a group with members; `usage`, `topic-pattern-empty`.
 */
export async function restoreGroupsAlone(options: RestoreGroupsOptions, outer: Context): Promise<RestoreResult> {
  const started = performance.now()
  const { config, only, dryRun = false } = options
  const { context, phases, findings } = recording(outer)
  if (only?.length !== 1 || only[0] !== 'kafka')
    throw new DatapipeError('usage', '--group sets positions of consumer groups alone', { hint: 'say --only kafka with --group' })
  if (options.backup === '')
    throw new DatapipeError('usage', 'no BACKUP is named whose positions are wanted', {
      hint: 'for example `datapipe restore latest --only kafka --group billing`',
    })
  if (config.kafka === undefined)
    throw new DatapipeError('config-invalid', 'groups are set in Kafka', { path: 'datapipe.yaml: kafka', hint: 'add kafka to datapipe.yaml' })
  const { kafka } = config
  const backup = await openBackup(openStorage(config.repository.url), options.backup, context)
  const part = partsOf(backup).kafka
  if (part === undefined) throw new DatapipeError('backup-not-found', `backup ${backup.id} holds no Kafka`, { path: backup.id })
  const offsetMap = options.byOffsetMap === undefined ? {} : { offsetMap: await readOffsetMap(options.byOffsetMap, backup.id) }
  const topics = options.topics === undefined ? {} : { topics: options.topics }
  const plan = await inPhase(context, 'plan', () => planLiveGroups({ part, groups: options.groups, ...topics, ...offsetMap, config: kafka, context }))
  const outcomes = dryRun ? [] : [await inPhase(context, 'restore groups', () => setLiveGroups(plan, kafka, context))]
  findings.push(...plan.findings)
  return {
    exitCode: findings.some(({ severity }) => severity === 'harm') ? answers.incomplete : answers.ok,
    backup: backup.id,
    dryRun,
    recoveryPoint: backup.manifest.recoveryPoint,
    registryRoute: undefined,
    plan: plan.steps,
    outcomes,
    restoredTopics: [],
    slots: [],
    seconds: (performance.now() - started) / 1000,
    phases,
    findings,
  }
}
