import type { Context } from '../base/context.ts'
import type { ComponentName } from '../base/events.ts'
import type { BackupResult } from '../commands/backup.ts'
import type { DiffResult } from '../commands/diff.ts'
import type { RestoreResult } from '../commands/restore.ts'
import type { RowsResult } from '../commands/rows.ts'
import type { ShowResult } from '../commands/show.ts'
import type { VerifyResult } from '../commands/verify.ts'
import type { WipeOptions, WipeResult } from '../commands/wipe.ts'
import type { MatrixRun } from './report/matrix-run.ts'

/** `datapipe restore` with the options that a drill uses. */
export interface RestoreRequest {
  backup: string
  registryRoute: 'auto' | 'native' | 'raw-topic'
  only?: ComponentName[]
  inPlace?: boolean
  /** With `only: ['kafka']`: these topics alone. */
  topics?: string[]
  leaveConnectorsStopped?: boolean
  /** Another moment than the backup's own point. */
  to?: string
  /** With `only: ['kafka']`: the positions of these groups alone. */
  groups?: string[]
}

/** `datapipe rows`: SQL that brings a table's rows back, in a file. */
export interface RowsRequest {
  backup: string
  tables: string[]
  output: string
}

/** The same as a command line. */
export function restoreArguments(request: RestoreRequest): string[] {
  const { backup, registryRoute, only, inPlace, topics, leaveConnectorsStopped, to, groups } = request
  return [
    ...['restore', backup, ...(groups === undefined ? ['--registry-route', registryRoute] : ['--group', ...groups])],
    ...(to === undefined ? [] : ['--to', to]),
    ...(only === undefined ? [] : ['--only', ...only]),
    ...(inPlace ? ['--in-place'] : []),
    ...(topics === undefined ? [] : ['--topic', ...topics]),
    ...(leaveConnectorsStopped ? ['--leave-connectors-stopped'] : []),
  ]
}

/** The same for `datapipe rows`. */
export function rowsArguments({ backup, tables, output }: RowsRequest): string[] {
  return ['rows', backup, '--table', ...tables, '--output', output]
}

/** The same for `datapipe wipe`. */
export function wipeArguments({ only, yes, dryRun }: Pick<WipeOptions, 'only' | 'yes' | 'dryRun'>): string[] {
  return ['wipe', ...(dryRun ? ['--dry-run'] : []), ...(only === undefined ? [] : ['--only', ...only]), ...(yes === undefined ? [] : ['--yes', yes])]
}

/**
 * What a drill needs of the engine under test, wherever it runs: each a command of `datapipe` with its result. Events go to the context that is
 * passed in; errors are DatapipeErrors, also those of another process. The engine starts the stack's servers by itself in the middle of a restore.
 */
export interface Engine extends AsyncDisposable {
  /** Where it runs, as the matrix says it. */
  readonly place: MatrixRun['engine']
  backup(context: Context, options?: { withoutBarrier?: boolean }): Promise<BackupResult>
  verify(backup: string, context: Context): Promise<VerifyResult>
  show(backup: string, context: Context): Promise<ShowResult>
  restore(request: RestoreRequest, context: Context): Promise<RestoreResult>
  rows(request: RowsRequest, context: Context): Promise<RowsResult>
  /** Two of: `live`, a backup. */
  diff(a: string, b: string, context: Context): Promise<DiffResult>
  wipe(options: Pick<WipeOptions, 'only' | 'yes' | 'dryRun'>, context: Context): Promise<WipeResult>
  /** Ends the command that runs now without warning, as a crash does; undefined where it cannot be ended alone. */
  readonly kill?: () => void
  /** Runs a command that may write no file longer than this, as on a storage that is full; undefined where that is not to be had. */
  readonly onFullStorage?: <T>(bytes: number, command: () => Promise<T>) => Promise<T>
  /** Bytes of memory that it holds now; undefined where it has no container of its own. */
  memory(): Promise<number | undefined>
  /** Highest memory so far; undefined where it has no container of its own. */
  peakMemory(): Promise<number | undefined>
}
