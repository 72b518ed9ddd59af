import { stat } from 'node:fs/promises'
import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import type { OffsetMap } from '../../components/kafka/offset-map.ts'
import { offsetMapLines } from '../../components/kafka/offset-map-lines.ts'
import type { Backup } from '../../repository/open-backup.ts'
import { writeFileWhole } from '../export/write-file.ts'

/** Throws `target-not-empty` for a file that is there: nothing is overwritten, and after the load it is too late to hear of it. */
export async function refuseOffsetMap(file: string): Promise<void> {
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw new DatapipeError('storage-failed', 'the offset map cannot be written there', { path: file, cause: error })
  })
  if (found === undefined) return
  throw new DatapipeError('target-not-empty', `${file} is there already`, {
    path: file,
    hint: 'name another file with --offset-map, or remove it first',
  })
}

/** Writes where every record of topics with data went (docs/kafka-restore.md), whole or not at all. Throws `storage-failed`. */
export async function writeOffsetMap(
  file: string,
  { backup, offsetMap, context }: { backup: Backup; offsetMap: OffsetMap; context: Context },
): Promise<void> {
  const cluster = backup.manifest.recoveryPoint.kafka?.clusterId
  const head = { kind: 'datapipe-offset-map', format: 1, backup: backup.id, clusterId: cluster, restoredAt: context.now().toISOString() }
  await writeFileWhole(
    file,
    (async function* () {
      yield Buffer.from(`${JSON.stringify(head, null, 2).slice(0, -2)},\n  "partitions": [`)
      for (const text of offsetMapLines(offsetMap)) yield Buffer.from(text)
      yield Buffer.from('\n  ]\n}\n')
    })(),
  )
}
