import { createHash } from 'node:crypto'
import { crc32c } from '../../clients/kafka/crc.ts'
import { expect, test } from 'vitest'
import { type ChecksumAlgorithm, parseBackupManifest } from './backup-manifest.ts'
import { fileChecks } from './file-checks.ts'
import { tarOf } from './tar-stand-in.ts'

const files: Record<string, Buffer> = {
  backup_label: Buffer.from('START WAL LOCATION: 0/2000028'),
  'base/5/1259': Buffer.alloc(81_920, 'page'),
  'base/5/empty': Buffer.alloc(0),
  'global/pg_control': Buffer.alloc(8192, 'control'),
}

function checksumOf(bytes: Buffer, algorithm: ChecksumAlgorithm): string {
  if (algorithm !== 'CRC32C') return createHash(algorithm).update(bytes).digest('hex')
  const sum = Buffer.alloc(4)
  sum.writeUInt32LE(crc32c(bytes))
  return sum.toString('hex')
}

/** A backup_manifest as the server writes it: one line a file, and its own checksum in the last line. */
function manifestOf(contents: Record<string, Buffer>, algorithm: ChecksumAlgorithm = 'CRC32C'): Buffer {
  const lines = Object.entries(contents).map(([path, bytes]) =>
    JSON.stringify({ Path: path, Size: bytes.length, 'Checksum-Algorithm': algorithm, Checksum: checksumOf(bytes, algorithm) }),
  )
  const covered = `{ "PostgreSQL-Backup-Manifest-Version": 1,\n"Files": [\n${lines.join(',\n')}\n],\n"WAL-Ranges": [\n{ "Timeline": 1, "Start-LSN": "0/2000028", "End-LSN": "0/2000100" }\n],\n`
  return Buffer.from(`${covered}"Manifest-Checksum": "${createHash('sha256').update(covered).digest('hex')}"}\n`)
}

function faults(contents: Record<string, Buffer>, algorithm: ChecksumAlgorithm = 'CRC32C'): string[] {
  const checks = fileChecks(() => algorithm)
  const reader = checks.archive('')
  const bytes = tarOf(contents)
  for (let at = 0; at < bytes.length; at += 10_000) reader.push(bytes.subarray(at, at + 10_000))
  reader.end()
  return checks.faults(parseBackupManifest(manifestOf(files, algorithm)))
}

test.each(['CRC32C', 'SHA256'] as const)('files that are what the manifest says pass, by %s', (algorithm) => {
  expect(faults(files, algorithm)).toEqual([])
})

test('a changed byte, a missing file, another size and a file too many are told, each by name', () => {
  const changed = Buffer.from(files['base/5/1259'] as Buffer)
  changed[40_000] = 0
  expect(faults({ ...files, 'base/5/1259': changed })).toEqual(['base/5/1259 has another CRC32C'])
  const { 'base/5/empty': _left, ...fewer } = files
  expect(faults(fewer)).toEqual(['base/5/empty is missing'])
  expect(faults({ ...files, 'base/5/empty': Buffer.from('x') })).toEqual(['base/5/empty has 1 bytes instead of 0'])
  expect(faults({ ...files, 'base/5/2000': Buffer.from('x') })).toEqual(['base/5/2000 is not in the manifest'])
})

test('WAL and the manifest itself are not in the manifest', () => {
  expect(faults({ ...files, 'pg_wal/000000010000000000000002': Buffer.from('wal'), backup_manifest: Buffer.from('{}') })).toEqual([])
})

test('a tablespace goes by its OID, pg_control may come by itself, and is handed out when it passes', () => {
  const far = Buffer.from('far away')
  const manifest = parseBackupManifest(manifestOf({ ...files, 'pg_tblspc/16400/PG_15_202209061/5/16401': far }))
  const { 'global/pg_control': control = Buffer.alloc(0), ...rest } = files
  const checks = fileChecks(() => 'CRC32C')
  for (const [prefix, contents] of [
    ['pg_tblspc/16400/', { 'PG_15_202209061/5/16401': far }],
    ['', rest],
  ] as const) {
    const reader = checks.archive(prefix)
    reader.push(tarOf(contents))
    reader.end()
  }
  expect(checks.control()).toBeUndefined()
  expect(checks.faults(manifest)).toEqual(['global/pg_control is missing'])
  checks.file('global/pg_control', control)
  expect(checks.faults(manifest)).toEqual([])
  expect(checks.control()).toEqual(control)
})

test('a manifest that was changed, or is none, is damage', () => {
  const bytes = manifestOf(files)
  const changed = Buffer.from(bytes.toString().replace('81920', '81921'))
  expect(() => parseBackupManifest(changed)).toThrow(
    expect.objectContaining({ code: 'artifact-damaged', message: expect.stringContaining('checksum') }),
  )
  expect(() => parseBackupManifest(bytes.subarray(0, -20))).toThrow(expect.objectContaining({ code: 'artifact-damaged' }))
})
