import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, lstatSync, mkdirSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, realpath, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join, resolve } from 'node:path'
import { DatapipeError } from '../../base/errors.ts'
import { secretNames } from './run.ts'
import { type RunState, writeState } from './state.ts'

/**
 * `$TMPDIR/datapipe-<user>`: one `run-<id>` per stack, a directory or a link to the one that was asked for. The next run sweeps what
 * killed ones left in it. Others may pass through it (PostgreSQL runs under another uid), but it must be ours alone to write.
 */
export function runsDirectory(): string {
  const directory = join(tmpdir(), `datapipe-${userInfo().username}`)
  if (mkdirSync(directory, { recursive: true, mode: 0o755 }) !== undefined) chmodSync(directory, 0o755)
  const found = lstatSync(directory)
  if (!found.isDirectory() || found.uid !== userInfo().uid || (found.mode & 0o022) !== 0) {
    throw new DatapipeError('stack-failed', 'the directory for runs is not a directory that only we can write', {
      path: directory,
      hint: 'remove it, or set TMPDIR',
    })
  }
  return directory
}

export function newRunId(): string {
  return randomBytes(5).toString('hex')
}

/** Makes the run's directory with its state file and its secrets in it: it appears at once, whole, under its name. Returns its path. */
export async function createRunDirectory(state: RunState, wanted?: string): Promise<string> {
  const entry = join(runsDirectory(), `run-${state.id}`)
  const directory = wanted === undefined ? entry : resolve(wanted)
  const parent = wanted === undefined ? runsDirectory() : resolve(directory, '..')
  await mkdir(parent, { recursive: true })
  const building = await mkdtemp(join(parent, '.new-'))
  try {
    await mkdir(join(building, 'secrets'), { mode: 0o700 })
    for (const name of secretNames) {
      await writeFile(join(building, 'secrets', name), `${randomBytes(18).toString('base64url')}\n`, { mode: 0o600 })
    }
    await mkdir(join(building, 'bin'))
    await writeState(building, state)
    for (const open of [building, join(building, 'bin')]) await chmod(open, 0o755)
    if (wanted !== undefined) await symlink(directory, entry)
    // Onto an empty directory this succeeds, onto one that holds anything it does not.
    await rename(building, directory)
  } catch (cause) {
    await rm(building, { recursive: true, force: true })
    if (wanted !== undefined) await rm(entry, { force: true })
    throw new DatapipeError('stack-failed', 'the directory of the stack cannot be made; it must be new or empty', { path: directory, cause })
  }
  return realpath(directory)
}

/** Removes the run's directory, and the entry by which the sweep finds it; no error when they are gone already. */
export async function removeRunDirectory(directory: string, id: string): Promise<void> {
  // An entry that is a link would be removed in place of what it points to.
  if (existsSync(directory)) await rm(await realpath(directory), { recursive: true, force: true })
  await rm(join(runsDirectory(), `run-${id}`), { recursive: true, force: true })
}
