import { createHash, type Hash } from 'node:crypto'
import { crc32cAfter } from '../../clients/crc32c.ts'
import type { BackupManifest, ChecksumAlgorithm } from './backup-manifest.ts'
import { type TarReader, tarReader } from './tar-reader.ts'

/** Looks at every file of a base backup while it passes by; see fileChecks. */
export interface FileChecks {
  /** Reads one archive: `prefix` is put before its paths (`pg_tblspc/OID/` for a tablespace). */
  archive(prefix: string): TarReader
  /** A file that is stored by itself. */
  file(path: string, bytes: Buffer): void
  /** Bytes of all files so far. */
  bytes(): number
  /** global/pg_control, once it has passed. */
  control(): Buffer | undefined
  /** What differs between the files that have passed and the manifest, one line each: changed, missing, unknown. Empty when all is well. */
  faults(manifest: BackupManifest): string[]
}

export const controlPath = 'global/pg_control'

/**
 * Size and checksum of every file, as pg_verifybackup compares them with backup_manifest. `algorithm` says which checksum to take,
 * before the manifest is there or after it. Memory: some 100 bytes a file.
 */
export function fileChecks(algorithm: (path: string) => ChecksumAlgorithm): FileChecks {
  const seen = new Map<string, { size: number; checksum: string }>()
  let control: Buffer | undefined
  let bytes = 0

  const passing = (path: string, size: number) => {
    const sum = checksum(algorithm(path))
    const kept: Buffer[] = []
    return {
      data(chunk: Buffer) {
        sum.update(chunk)
        bytes += chunk.length
        if (path === controlPath) kept.push(Buffer.from(chunk))
      },
      end() {
        seen.set(path, { size, checksum: sum.digest() })
        if (path === controlPath) control = Buffer.concat(kept)
      },
    }
  }

  return {
    archive: (prefix) => tarReader(({ path, type, size }) => (type === 'file' ? passing(prefix + path, size) : undefined)),
    file(path, bytes) {
      const sink = passing(path, bytes.length)
      sink.data(bytes)
      sink.end()
    },
    bytes: () => bytes,
    control: () => control,
    faults({ files }) {
      const faults: string[] = []
      for (const [path, { size, algorithm: used, checksum: wanted }] of files) {
        const found = seen.get(path)
        if (found === undefined) faults.push(`${path} is missing`)
        else if (found.size !== size) faults.push(`${path} has ${found.size} bytes instead of ${size}`)
        else if (used !== 'NONE' && found.checksum !== wanted) faults.push(`${path} has another ${used}`)
      }
      for (const path of seen.keys()) if (!files.has(path) && !isUnlisted(path)) faults.push(`${path} is not in the manifest`)
      return faults
    },
  }
}

/** WAL has its own checksums, and the manifest cannot list itself. */
const isUnlisted = (path: string) => path.startsWith('pg_wal/') || path === 'backup_manifest'

function checksum(algorithm: ChecksumAlgorithm): { update(chunk: Buffer): void; digest(): string } {
  if (algorithm === 'NONE') return { update() {}, digest: () => '' }
  if (algorithm !== 'CRC32C') {
    const hash: Hash = createHash(algorithm)
    return { update: (chunk) => void hash.update(chunk), digest: () => hash.digest('hex') }
  }
  let crc = 0
  return {
    update(chunk) {
      crc = crc32cAfter(crc, chunk)
    },
    digest() {
      // The server prints the bytes of its integer as they lie in memory.
      const bytes = Buffer.alloc(4)
      bytes.writeUInt32LE(crc)
      return bytes.toString('hex')
    },
  }
}
