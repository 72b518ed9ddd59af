import type { PostgresConfig } from '../../base/config.ts'
import { type Context, inPhase } from '../../base/context.ts'
import { baseArtifacts, baseBackup } from '../../components/postgres/base-backup.ts'
import type { WalCapture } from '../../components/postgres/capture-wal.ts'
import { type BasePart, parsePostgresPart, type WalPart } from '../../components/postgres/part.ts'
import type { PostgresProbe } from '../../components/postgres/probe.ts'
import { segmentAfter } from '../../components/postgres/wal-segment.ts'
import type { ArtifactWriter } from '../../repository/artifact.ts'
import { backupStart, storedBy } from '../../repository/layout.ts'
import { listIds } from '../../repository/list-ids.ts'
import { isUnreadable } from '../../repository/needed-files.ts'
import { readManifest } from '../../repository/read-manifest.ts'
import type { Storage } from '../../storage/storage.ts'

/** A base backup that several backups share, and the WAL behind it that is stored. */
export interface HeldBase {
  base: BasePart
  wal: WalPart | undefined
}

export interface HoldOptions {
  held: HeldBase | undefined
  config: PostgresConfig
  probe: PostgresProbe
  wal: WalCapture
  storage: Storage
  writer: ArtifactWriter
  /** A base backup older than this is not gone on with. */
  maxHours: number
  context: Context
}

/**
 * The base backup that a point goes on from: the one that is held, or that of the newest backup when the WAL behind it is still to be had,
 * as long as it is of this server and timeline, young enough and all there; otherwise a new one.
 */
export async function holdBase(options: HoldOptions): Promise<HeldBase> {
  const { config, writer, context } = options
  const found = options.held ?? (await storedBase(options))
  if (found !== undefined && fits(found, options) && (await writer.refer(baseArtifacts(found.base)))) return found
  return { base: await inPhase(context, 'base backup', () => baseBackup({ config, writer, context })), wal: undefined }
}

function fits({ base }: HeldBase, { probe, maxHours, context }: HoldOptions): boolean {
  const by = storedBy(base.control.path)
  const age = by === undefined ? Number.POSITIVE_INFINITY : context.now().getTime() - backupStart(by).getTime()
  return base.timeline === probe.timeline && age < maxHours * 3_600_000
}

async function storedBase({ storage, probe, wal }: HoldOptions): Promise<HeldBase | undefined> {
  for (const { id, state } of (await listIds(storage)).reverse()) {
    if (state !== 'finished') continue
    try {
      const { postgres } = (await readManifest(storage, id)).components
      if (postgres === undefined) continue
      const part = parsePostgresPart(postgres)
      const last = part.wal.segments.at(-1)?.name
      if (part.server.systemIdentifier !== probe.systemIdentifier || last === undefined) return undefined
      const next = segmentAfter(last, BigInt(part.server.walSegmentSize))
      return (await wal.brings(next)) ? { base: part.base, wal: part.wal } : undefined
    } catch (error) {
      if (!isUnreadable(error)) throw error
    }
  }
  return undefined
}
