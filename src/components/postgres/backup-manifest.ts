import { createHash } from 'node:crypto'
import { z } from 'zod'
import { DatapipeError } from '../../base/errors.ts'

export type ChecksumAlgorithm = (typeof algorithms)[number]
const algorithms = ['NONE', 'CRC32C', 'SHA224', 'SHA256', 'SHA384', 'SHA512'] as const

export interface ManifestFile {
  size: number
  algorithm: ChecksumAlgorithm
  /** Lower-case hex; empty for NONE. */
  checksum: string
}

export interface BackupManifest {
  /** By path below the data directory; files of a tablespace are under `pg_tblspc/OID/`. */
  files: Map<string, ManifestFile>
  walRanges: { timeline: number; startLsn: string; endLsn: string }[]
}

/** What we read of backup_manifest (PostgreSQL documentation, "Backup Manifest Format"). */
const schema = z.object({
  'PostgreSQL-Backup-Manifest-Version': z.number().int(),
  Files: z.array(
    z.object({
      Path: z.string().optional(),
      /** Hex, for a path that is no UTF-8. */
      'Encoded-Path': z.string().optional(),
      Size: z.number().int(),
      'Checksum-Algorithm': z.enum(algorithms).default('NONE'),
      Checksum: z.string().default(''),
    }),
  ),
  'WAL-Ranges': z.array(z.object({ Timeline: z.number().int(), 'Start-LSN': z.string(), 'End-LSN': z.string() })),
  'Manifest-Checksum': z.string(),
})

/** Reads a backup_manifest and checks its own SHA-256, which covers every line but the last. Throws `artifact-damaged`. */
export function parseBackupManifest(bytes: Buffer): BackupManifest {
  let parsed: z.infer<typeof schema>
  try {
    parsed = schema.parse(JSON.parse(bytes.toString('utf8')))
  } catch (cause) {
    throw new DatapipeError('artifact-damaged', 'the backup_manifest does not parse', { path: 'backup_manifest', cause })
  }
  const covered = bytes.subarray(0, bytes.lastIndexOf(0x0a, bytes.length - 2) + 1)
  if (createHash('sha256').update(covered).digest('hex') !== parsed['Manifest-Checksum']) {
    throw new DatapipeError('artifact-damaged', 'the backup_manifest does not have the checksum that it names', { path: 'backup_manifest' })
  }
  const files = parsed.Files.map(({ Path, 'Encoded-Path': encoded, Size, 'Checksum-Algorithm': algorithm, Checksum }): [string, ManifestFile] => [
    Path ?? Buffer.from(encoded ?? '', 'hex').toString('utf8'),
    { size: Size, algorithm, checksum: Checksum.toLowerCase() },
  ])
  const walRanges = parsed['WAL-Ranges'].map((range) => ({ timeline: range.Timeline, startLsn: range['Start-LSN'], endLsn: range['End-LSN'] }))
  return { files: new Map(files), walRanges }
}
