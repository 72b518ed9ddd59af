import { DatapipeError } from '../base/errors.ts'
import { type ArchivedWal, ArchiveError, archiveWal } from '../components/postgres/archive-wal.ts'

/**
 * `datapipe archive-wal %p DIRECTORY`, for a server's `archive_command`. Throws `archive-conflict` and `archive-broken`; both have exit
 * codes below 126, which PostgreSQL counts as failures of the command and tries again.
 */
export async function archiveWalCommand(source: string, directory: string, dataDirectory?: string): Promise<ArchivedWal> {
  try {
    return await archiveWal(source, directory, dataDirectory)
  } catch (error) {
    if (error instanceof ArchiveError) throw new DatapipeError(error.code, error.message, { path: source, cause: error.cause })
    throw new DatapipeError('archive-broken', `cannot archive ${source}`, { path: source, cause: error })
  }
}
