import { randomBytes } from 'node:crypto'
import type { ComponentName } from '../base/events.ts'

/** Where everything in a repository lies; docs/format.md says what it holds. Paths are those of `Storage`. */
export const markerPath = 'datapipe.json'
export const lockPath = 'lock.json'
export const backupsPrefix = 'backups/'
/** WAL, which belongs to no backup in particular. */
export const sharedPrefix = 'wal/'

export const componentNames = ['postgres', 'kafka', 'registry', 'connect'] as const satisfies readonly ComponentName[]

export function backupPrefix(id: string): string {
  return `${backupsPrefix}${id}/`
}

export function manifestPath(id: string): string {
  return `${backupPrefix(id)}manifest.json`
}

/** The manifest's own checksum, in the form `sha256sum -c` reads. */
export function manifestSumPath(id: string): string {
  return `${manifestPath(id)}.sha256`
}

export function componentPrefix(id: string, component: ComponentName): string {
  return `${backupPrefix(id)}${component}/`
}

/** Remembered work of an unfinished backup, removed once the manifest is there. */
export function notesPrefix(id: string): string {
  return `${backupPrefix(id)}notes/`
}

/** Says that a backup was removed, and that its directory only holds what others still need. */
export function expiredPath(id: string): string {
  return `${backupPrefix(id)}expired.json`
}

/** What the shards of an unfinished backup have to store, and all that is stored already. */
export function planPath(id: string): string {
  return `${backupPrefix(id)}plan.json`
}

export function shardsPrefix(id: string): string {
  return `${backupPrefix(id)}shards/`
}

/** What one shard has stored, numbered from 1. */
export function shardPath(id: string, shard: number): string {
  return `${shardsPrefix(id)}${shard}.json`
}

/** Locks of shards that are being stored begin so. */
export const shardLocksPrefix = 'lock-shard-'

export function shardLockPath(id: string, shard: number): string {
  return `${shardLocksPrefix}${id}-${shard}.json`
}

/** The id of the backup that stored a file, its directory being named after it; undefined for shared WAL and for what lies elsewhere. */
export function storedBy(path: string): string | undefined {
  const id = path.startsWith(backupsPrefix) ? path.slice(backupsPrefix.length).split('/')[0] : undefined
  return id !== undefined && isBackupId(id) ? id : undefined
}

const idPattern = /^\d{8}T\d{6}Z-[0-9a-f]{4}$/

export function isBackupId(text: string): boolean {
  return idPattern.test(text)
}

/**
 * `YYYYMMDDTHHMMSSZ-xxxx`: UTC start time and four random hex digits, so that ids sort by time and two never meet. One that is to follow
 * `newest` within the same second, or under a clock that was set back, takes the second after it.
 */
export function newBackupId(now: Date, newest?: string): string {
  const earliest = newest === undefined ? 0 : backupStart(newest).getTime() + 1000
  const time = new Date(Math.max(now.getTime(), earliest)).toISOString().replace(/[-:]|\.\d{3}/g, '')
  return `${time}-${randomBytes(2).toString('hex')}`
}

/** The start time that an id carries. */
export function backupStart(id: string): Date {
  const [year, month, day, hour, minute, second] = [0, 4, 6, 9, 11, 13].map((at, index) => Number(id.slice(at, at + (index === 0 ? 4 : 2))))
  return new Date(Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute, second))
}
