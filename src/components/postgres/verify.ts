import type { Context } from '../../base/context.ts'
import { DatapipeError, describeError } from '../../base/errors.ts'
import type { Finding } from '../../base/finding.ts'
import type { Artifact, ArtifactReader } from '../../repository/artifact.ts'
import type { RecoveryPoint } from '../../repository/manifest.ts'
import { type BackupManifest, parseBackupManifest } from './backup-manifest.ts'
import { decompressed } from './compression.ts'
import { controlPath, fileChecks } from './file-checks.ts'
import type { PostgresPart } from './part.ts'
import { neededSegments, targetLsn } from './plan-restore.ts'
import { parseHistory, segmentFault } from './wal-segment.ts'

/**
 * Reads everything of the backup: every SHA-256, every file in the archives against the checksum that the server gave for it, and the chain of
 * WAL segments from the base backup to the recovery point, each with a header that fits its name. Damage is a finding; only an interruption or an unreadable storage throws.
 */
export async function verifyPostgres(
  part: PostgresPart,
  reader: ArtifactReader,
  recoveryPoint: Pick<RecoveryPoint, 'postgres'>,
  context: Context,
): Promise<Finding[]> {
  const findings: Finding[] = []
  await verifyBase(part, reader, context, findings)
  await verifyWal(part, reader, recoveryPoint, context, findings)
  return findings
}

/** How many files of the base backup are named one by one. */
const namedFiles = 20

/** The manifest first: it says how the server summed up its files. */
async function verifyBase(part: PostgresPart, reader: ArtifactReader, context: Context, findings: Finding[]): Promise<void> {
  const { archives, control, backupManifest, configFiles } = part.base
  let manifest: BackupManifest | undefined
  await examine(
    findings,
    backupManifest,
    async () => {
      manifest = parseBackupManifest(await reader.readAll(backupManifest))
      return undefined
    },
    'the list of files',
  )
  const before = findings.length
  const checks = fileChecks((path) => manifest?.files.get(path)?.algorithm ?? 'NONE')
  for (const { tablespace, artifact } of archives) {
    await examine(
      findings,
      artifact,
      async () => {
        const tar = checks.archive(tablespace === null ? '' : `pg_tblspc/${tablespace.oid}/`)
        for await (const chunk of decompressed(reader.read(artifact), context.signal, artifact.path)) tar.push(chunk as Buffer)
        tar.end()
        return undefined
      },
      `${tablespace === null ? 'the base backup' : `tablespace ${tablespace.name}`} cannot be unpacked`,
    )
  }
  await examine(
    findings,
    control,
    async () => {
      const bytes = await reader.readAll(control)
      checks.file(controlPath, bytes)
      return controlFault(bytes, part.server.systemIdentifier)
    },
    'cannot be read',
  )
  for (const { artifact } of configFiles) {
    await examine(
      findings,
      artifact,
      async () => {
        await reader.readAll(artifact)
        return undefined
      },
      'cannot be read',
    )
  }
  // Of an archive that could not be read to its end, everything behind would be missing.
  if (manifest === undefined || findings.length > before) return
  const faults = checks.faults(manifest)
  for (const fault of faults.slice(0, namedFiles))
    findings.push(harm('artifact-damaged', backupManifest.path, `against the server's list of files: ${fault}`))
  if (faults.length > namedFiles) findings.push(harm('artifact-damaged', backupManifest.path, `and ${faults.length - namedFiles} more files`))
}

async function verifyWal(
  part: PostgresPart,
  reader: ArtifactReader,
  recoveryPoint: Pick<RecoveryPoint, 'postgres'>,
  context: Context,
  findings: Finding[],
): Promise<void> {
  try {
    neededSegments(part, targetLsn({ part, recoveryPoint }))
  } catch (error) {
    if (!(error instanceof DatapipeError)) throw error
    findings.push(harm(error.code, error.path ?? 'wal', error.message))
  }
  const { systemIdentifier, walSegmentSize, majorVersion } = part.server
  let done = 0
  for (const { name, artifact } of part.wal.segments) {
    await examine(
      findings,
      artifact,
      async () => {
        const { head, bytes } = await measure(decompressed(reader.read(artifact), context.signal))
        return segmentFault({ name, bytes, head }, { systemIdentifier, segmentSize: BigInt(walSegmentSize), majorVersion })
      },
      `WAL segment ${name}`,
      name,
    )
    context.emit({ type: 'progress', task: 'verify WAL', done: ++done, total: part.wal.segments.length, unit: 'items' })
  }
  for (const { name, artifact } of part.wal.histories) {
    await examine(
      findings,
      artifact,
      async () => {
        const chunks: Uint8Array[] = []
        for await (const chunk of decompressed(reader.read(artifact), context.signal)) chunks.push(chunk)
        return parseHistory(Buffer.concat(chunks).toString()).length === 0 ? 'names no ancestor' : undefined
      },
      `timeline history ${name}`,
    )
  }
}

/** Runs a look at one artifact; what it says or throws becomes a finding. A missing WAL segment (`segment`) is a `wal-gap`. */
async function examine(
  findings: Finding[],
  artifact: Artifact,
  look: () => Promise<string | undefined>,
  what: string,
  segment?: string,
): Promise<void> {
  try {
    const fault = await look()
    if (fault !== undefined) findings.push(harm('artifact-damaged', artifact.path, `${what} ${fault}`))
  } catch (error) {
    if (error instanceof DatapipeError && (error.code === 'interrupted' || error.code === 'storage-failed')) throw error
    const missing = error instanceof DatapipeError && error.code === 'artifact-missing'
    const code = missing ? (segment === undefined ? 'artifact-missing' : 'wal-gap') : 'artifact-damaged'
    findings.push(
      harm(code, artifact.path, missing && segment !== undefined ? `WAL segment ${segment} is missing` : `${what}: ${describeError(error)}`),
    )
  }
}

async function measure(source: AsyncIterable<Uint8Array>): Promise<{ head: Buffer; bytes: number }> {
  let head = Buffer.alloc(0)
  let bytes = 0
  for await (const chunk of source) {
    if (head.length < 40) head = Buffer.concat([head, chunk.subarray(0, 40 - head.length)])
    bytes += chunk.byteLength
  }
  return { head, bytes }
}

function controlFault(bytes: Buffer, systemIdentifier: string): string | undefined {
  const found = bytes.length < 8 ? 'nobody' : bytes.readBigUInt64LE(0).toString()
  return found === systemIdentifier ? undefined : `belongs to system ${found}`
}

function harm(code: string, item: string, message: string): Finding {
  return { severity: 'harm', code, component: 'postgres', item, message, next: 'restore another backup' }
}
