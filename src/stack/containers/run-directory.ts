import { randomBytes } from 'node:crypto'
import { chmod, chown, mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ComponentName } from '../../base/events.ts'
import { runsDirectory } from '../embedded/run-directory.ts'
import { type RunState, secretNames } from './run.ts'

export const directoryPrefix = 'containers-'

/** uid and gid of PostgreSQL in the official image, in ours, and of the backup-tools image. */
export const postgresUid = 999
/** The user of Kafka, Connect and the registry. */
export const javaUid = 1000

/**
 * Makes the run's directory: state, secrets, and what is mounted into containers. The secrets of connectors and of the engine are copies
 * that their users can read: what keeps others of this machine out is the mode of `secrets` above them.
 */
export async function createRunDirectory(state: RunState): Promise<string> {
  const directory = join(runsDirectory(), `${directoryPrefix}${state.id}`)
  await mkdir(directory)
  // The servers of root's stack run under other users, to whom their directories belong. Another user's directories are open to all, and this one is closed.
  await chmod(directory, process.getuid?.() === 0 ? 0o755 : 0o700)
  await mkdir(join(directory, 'secrets'), { mode: 0o700 })
  const secrets = Object.fromEntries(secretNames.map((name) => [name, randomBytes(18).toString('base64url')]))
  const shared = join(directory, 'secrets', 'shared')
  await mkdir(shared)
  await chmod(shared, 0o755)
  for (const [name, secret] of Object.entries(secrets)) {
    await writeFile(join(directory, 'secrets', name), `${secret}\n`, { mode: 0o600 })
    // The broker's own is nobody else's.
    if (name !== 'kafka-broker') await writeReadable(join(shared, name), `${secret}\n`)
  }
  await writeReadable(join(shared, 'connect.properties'), `postgres.password=${secrets.postgres}\nregistry.password=${secrets.registry}\n`)
  await mkdir(join(directory, 'logs'))
  // Whole or not at all: a sweep of another process may read it at any moment.
  await writeFile(join(directory, 'state.json.new'), `${JSON.stringify(state, null, 2)}\n`)
  await rename(join(directory, 'state.json.new'), join(directory, 'state.json'))
  return directory
}

/** Where Connect and the engine see their secrets. */
export const secretsMount = '/datapipe/secrets'

/** The directory that is mounted there. */
export function sharedSecrets(directory: string): string {
  return join(directory, 'secrets', 'shared')
}

export async function writeReadable(file: string, text: string): Promise<void> {
  await writeFile(file, text)
  // By name: a strict umask must not keep the containers' users out.
  await chmod(file, 0o644)
}

/** A directory that only this server's container sees, below `secrets`. */
export function serverSecrets(directory: string, component: ComponentName): string {
  return join(directory, 'secrets', 'servers', component)
}

/** A file for one container's user alone. Without root it cannot be given away: then it is open, and closed is the directory above. */
export async function writeOwned(file: string, text: string, uid: number): Promise<void> {
  if (process.getuid?.() !== 0) return writeReadable(file, text)
  await writeFile(file, text, { mode: 0o600 })
  await chown(file, uid, uid)
}

/** Makes a directory that a container's user may write to. */
export async function makeShared(directory: string, uid: number): Promise<void> {
  await mkdir(directory, { recursive: true })
  if (process.getuid?.() === 0) {
    await chown(directory, uid, uid)
    await chmod(directory, 0o700)
  } else await chmod(directory, 0o777)
}
