import type { DatapipeConfig } from '../base/config.ts'
import { type Context, inPhase } from '../base/context.ts'
import { answers, DatapipeError } from '../base/errors.ts'
import type { ComponentName } from '../base/events.ts'
import type { Finding } from '../base/finding.ts'
import { verifyConnect } from '../components/connect/verify.ts'
import { verifyKafka } from '../components/kafka/verify.ts'
import { verifyPostgres } from '../components/postgres/verify.ts'
import { verifyRegistry } from '../components/registry/verify.ts'
import { listBackups } from '../repository/list-backups.ts'
import { type Backup, openBackup, resolveBackup } from '../repository/open-backup.ts'
import { trackingReader } from '../repository/tracking-reader.ts'
import { verifyArtifacts } from '../repository/verify-artifacts.ts'
import { openStorage } from '../storage/open-storage.ts'
import type { Storage } from '../storage/storage.ts'
import { compareRegistryTopic } from './registry-topic.ts'
import { partsOf, usedIdsOf } from './restore/parts.ts'

export interface VerifyOptions {
  config: DatapipeConfig
  /** An id, the beginning of one, or `latest` (the default). */
  backup?: string
  /** Every finished backup instead. */
  all?: boolean
}

export interface VerifiedBackup {
  id: string
  verdict: 'intact' | 'damaged' | 'too new'
  /** What is wrong with the manifest itself; nothing else could be looked at then. */
  reason?: string
  files: number
  bytes: number
  seconds: number
  /** Harm makes the verdict `damaged`; warnings and notes do not. */
  findings: Finding[]
}

export interface VerifyResult {
  /** 0 all intact, 20 damage, 21 a backup is too new to be read. */
  exitCode: number
  backups: VerifiedBackup[]
}

/**
 * Reads backups in full and proves that they are whole: each component checks what it knows of its own (CRCs and offsets, WAL up to the
 * recovery point, schema ids that records carry), then every artifact that no component has read is hashed. Reads the repository only.
 * Throws `backup-not-found`; damage is a finding.
 */
export async function verify(options: VerifyOptions, context: Context): Promise<VerifyResult> {
  const storage = openStorage(options.config.repository.url)
  const backups: VerifiedBackup[] = []
  for (const id of await chosen(storage, options, context)) {
    try {
      const backup = await openBackup(storage, id, context)
      backups.push(await inPhase(context, `verify ${backup.id}`, () => verifyBackup(storage, backup, context)))
    } catch (error) {
      if (!isUnreadable(error)) throw error
      const verdict = error.code === 'format-too-new' ? 'too new' : 'damaged'
      backups.push({ id, verdict, reason: error.message, files: 0, bytes: 0, seconds: 0, findings: [] })
    }
  }
  return { exitCode: exitCodeOf(backups), backups }
}

async function chosen(storage: Storage, { backup = 'latest', all = false }: VerifyOptions, context: Context): Promise<string[]> {
  if (!all) return [await resolveBackup(storage, backup)]
  const finished = (await listBackups(storage, context)).filter(({ state }) => state !== 'unfinished')
  if (finished.length === 0)
    throw new DatapipeError('backup-not-found', 'the repository holds no finished backup yet', { hint: 'run `datapipe backup`' })
  return finished.map(({ id }) => id)
}

function exitCodeOf(backups: VerifiedBackup[]): number {
  if (backups.some(({ verdict }) => verdict === 'damaged')) return answers.no
  return backups.some(({ verdict }) => verdict === 'too new') ? answers.unknown : answers.ok
}

async function verifyBackup(storage: Storage, backup: Backup, context: Context): Promise<VerifiedBackup> {
  const started = performance.now()
  const { manifest } = backup
  const intact = new Set<string>()
  const ofComponents = await verifyComponents(backup, intact, context)
  const rest = manifest.artifacts.filter(({ path }) => !intact.has(path))
  const { findings } = await verifyArtifacts(storage, manifest, context, rest)
  // A component says more about damage in a file than its checksum does.
  const mentioned = (path: string) => ofComponents.some(({ item, message }) => item === path || message.includes(path))
  const all = [...findings.filter(({ item }) => !mentioned(item)), ...ofComponents]
  return {
    id: backup.id,
    verdict: all.some(({ severity }) => severity === 'harm') ? 'damaged' : 'intact',
    files: manifest.artifacts.length,
    bytes: manifest.artifacts.reduce((sum, { bytes }) => sum + bytes, 0),
    seconds: (performance.now() - started) / 1000,
    findings: all,
  }
}

async function verifyComponents(backup: Backup, intact: Set<string>, context: Context): Promise<Finding[]> {
  const parts = partsOf(backup)
  const { postgres, kafka, registry, connect } = parts
  const reader = (name: ComponentName) => trackingReader(backup.component(name), intact)
  const findings: Finding[] = []
  const look = async (component: ComponentName, work: () => Promise<Finding[]>) => {
    findings.push(...(await inPhase(context, component, () => damageAsFinding(component, work))))
  }
  if (postgres !== undefined) await look('postgres', () => verifyPostgres(postgres, reader('postgres'), backup.manifest.recoveryPoint, context))
  if (kafka !== undefined) await look('kafka', () => verifyKafka(kafka, reader('kafka'), context))
  if (registry !== undefined) {
    await look('registry', () => verifyRegistry({ part: registry, reader: reader('registry'), usedIds: usedIdsOf(parts) }))
  }
  if (kafka !== undefined && registry !== undefined) {
    await look('registry', () => compareRegistryTopic({ parts, kafka: reader('kafka'), registry: reader('registry'), context }))
  }
  if (connect !== undefined) await look('connect', () => verifyConnect({ part: connect, reader: reader('connect') }))
  return findings
}

async function damageAsFinding(component: ComponentName, work: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await work()
  } catch (error) {
    if (!isUnreadable(error)) throw error
    const item = error.path ?? component
    return [{ severity: 'harm', code: error.code, component, item, message: error.message, next: 'datapipe list, then restore another backup' }]
  }
}

function isUnreadable(error: unknown): error is DatapipeError {
  return error instanceof DatapipeError && ['artifact-damaged', 'artifact-missing', 'format-too-new'].includes(error.code)
}
