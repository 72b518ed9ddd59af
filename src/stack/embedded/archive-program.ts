import { execFile } from 'node:child_process'
import { chmod, copyFile, link, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Run } from './run.ts'

/** The engine's own archive program: self-contained, so that a copy of the one file works alone. */
const program = fileURLToPath(new URL('../../components/postgres/archive-wal.ts', import.meta.url))

export function archiveProgram(directory: string): { node: string; script: string } {
  return { node: join(directory, 'bin', 'node'), script: join(directory, 'bin', 'archive-wal.mts') }
}

/**
 * Puts Node and the archive program into the run's directory. The server calls them under its own uid, which often cannot reach the
 * repository (a clone under /root); the suffix `.mts` makes it a module without a package.json beside it.
 */
export async function prepareArchiveProgram(run: Run): Promise<void> {
  const { node, script } = archiveProgram(run.directory)
  // Modes are set by name: a strict umask must not keep the server out.
  await copyFile(program, script)
  await chmod(script, 0o644)
  const account = run.state.programs.postgresUser
  if (account === undefined || (await canRun(process.execPath, account))) {
    await symlink(process.execPath, node)
    return
  }
  // A hard link costs nothing, but works only on one file system, and only when the file itself is open to others.
  const linked = await link(process.execPath, node).then(
    () => canRun(node, account),
    () => false,
  )
  if (linked) return
  await rm(node, { force: true })
  await copyFile(process.execPath, node)
  await chmod(node, 0o755)
}

async function canRun(path: string, account: { uid: number; gid: number }): Promise<boolean> {
  try {
    await promisify(execFile)(path, ['--version'], { cwd: '/', uid: account.uid, gid: account.gid })
    return true
  } catch {
    // EACCES, or a loader that cannot read it: either way this account needs a copy.
    return false
  }
}
