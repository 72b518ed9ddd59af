import type { PostgresConfig } from '../../base/config.ts'
import type { Component } from '../component.ts'
import { checkPostgres } from './check.ts'
import { identifyPostgres } from './identify.ts'
import { type PostgresPart, parsePostgresPart } from './part.ts'
import { planWipePostgres, wipePostgres } from './wipe.ts'

export { type BaseBackupOptions, baseBackup } from './base-backup.ts'
export { type CaptureOptions, startWalCapture, type WalCapture } from './capture-wal.ts'
export { checkPostgres } from './check.ts'
export { type DiffOptions, diffPostgres } from './diff.ts'
export type { FencedServer } from './fenced-server.ts'
export { identifyPostgres } from './identify.ts'
export { inventoryPostgres, type PostgresInventory } from './inventory.ts'
export { type BasePart, type PostgresPart, parsePostgresPart, postgresPartSchema, type ServerPart, type WalPart } from './part.ts'
export { planRestorePostgres, type RestoreTarget } from './plan-restore.ts'
export { type PostgresProbe, probePostgres, serverPart } from './probe.ts'
export type { ReleaseOptions } from './release.ts'
export { type RestoreOptions, restorePostgres } from './restore.ts'
export { type ScratchOptions, withScratchServer } from './scratch-server.ts'
export { findPostgresTools, type PostgresTools } from './tools.ts'
export { verifyPostgres } from './verify.ts'
export { planWipePostgres, wipePostgres } from './wipe.ts'

/** Databases, by base backup and WAL, recovered to an exact LSN. */
export const postgresComponent: Component<PostgresConfig, PostgresPart> = {
  name: 'postgres',
  parsePart: parsePostgresPart,
  check: checkPostgres,
  identify: identifyPostgres,
  planWipe: planWipePostgres,
  wipe: wipePostgres,
}
