import type { Context } from '../base/context.ts'
import type { BackupResult } from '../commands/backup.ts'
import type { DiffResult } from '../commands/diff.ts'
import type { RestoreResult } from '../commands/restore.ts'
import type { ShowResult } from '../commands/show.ts'
import type { VerifyResult } from '../commands/verify.ts'
import type { WipeOptions, WipeResult } from '../commands/wipe.ts'
import type { MatrixRun } from './report/matrix-run.ts'

/**
 * What a drill needs of the engine under test, wherever it runs: each a command of `datapipe` with its result. Events go to the context that is
 * passed in; errors are DatapipeErrors, also those of another process. The engine starts the stack's servers by itself in the middle of a restore.
 */
export interface Engine extends AsyncDisposable {
  /** Where it runs, as the matrix says it. */
  readonly place: MatrixRun['engine']
  backup(context: Context): Promise<BackupResult>
  verify(backup: string, context: Context): Promise<VerifyResult>
  show(backup: string, context: Context): Promise<ShowResult>
  restore(options: { backup: string; registryRoute: 'auto' | 'native' | 'raw-topic' }, context: Context): Promise<RestoreResult>
  /** Two of: `live`, a backup. */
  diff(a: string, b: string, context: Context): Promise<DiffResult>
  wipe(options: Pick<WipeOptions, 'only' | 'yes' | 'dryRun'>, context: Context): Promise<WipeResult>
  /** Bytes of memory that it holds now; undefined where it has no container of its own. */
  memory(): Promise<number | undefined>
  /** Highest memory so far; undefined where it has no container of its own. */
  peakMemory(): Promise<number | undefined>
}
