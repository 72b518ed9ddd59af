import { z } from 'zod'
import { DatapipeError } from '../../base/errors.ts'
import { artifactSchema } from '../../repository/artifact.ts'

/** PostgreSQL's part of a manifest. LSNs as the server prints them, sizes in bytes. */
const lsn = z.string().regex(/^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/)
const walName = z.string().regex(/^[0-9A-F]{24}$/)

const findingSchema = z.strictObject({
  severity: z.enum(['harm', 'warning', 'note']),
  code: z.string(),
  component: z.literal('postgres'),
  item: z.string(),
  message: z.string(),
  next: z.string().optional(),
})

export const basePartSchema = z.strictObject({
  timeline: z.number().int().positive(),
  /** Where replay begins, and where the base backup becomes consistent: no recovery point lies before `stopLsn`. */
  startLsn: lsn,
  stopLsn: lsn,
  startSegment: walName,
  /** Bytes of the files, before compression. */
  bytes: z.number().int().nonnegative(),
  /** Tar archives of the data directory and of each tablespace, compressed as their names say (`.zst`, `.lz4`). */
  archives: z.array(
    z.strictObject({
      tablespace: z.strictObject({ oid: z.number().int(), name: z.string(), location: z.string() }).nullable(),
      artifact: artifactSchema,
    }),
  ),
  /** global/pg_control, restored last: without it no server starts. */
  control: artifactSchema,
  /** The server's list of all files with checksums. */
  backupManifest: artifactSchema,
  /** Copies of configuration files and TLS certificates that lie outside the data directory (Debian); kept for people, not restored. Never keys. */
  configFiles: z.array(z.strictObject({ path: z.string(), artifact: artifactSchema })),
  findings: z.array(findingSchema),
})
export type BasePart = z.infer<typeof basePartSchema>

export const walPartSchema = z.strictObject({
  /** Every segment from the base backup's first to the last one needed, in order. */
  segments: z.array(z.strictObject({ name: walName, artifact: artifactSchema })),
  histories: z.array(z.strictObject({ name: z.string().regex(/^[0-9A-F]{8}\.history$/), artifact: artifactSchema })),
  /** The WAL reaches at least to here: a record that begins at or after the recovery point is in it. */
  reachesLsn: lsn,
})
export type WalPart = z.infer<typeof walPartSchema>

export const serverPartSchema = z.strictObject({
  systemIdentifier: z.string().regex(/^\d+$/),
  version: z.string(),
  majorVersion: z.number().int(),
  timeline: z.number().int().positive(),
  walSegmentSize: z.number().int().positive(),
  /** The bootstrap superuser: a restored server is handled through it while it is fenced. */
  superuser: z.string(),
  dataDirectory: z.string(),
  /** Settings that a restored server needs at least, or that change what it does. */
  settings: z.record(z.string(), z.string()),
  databases: z.array(
    z.strictObject({
      name: z.string(),
      encoding: z.string(),
      collate: z.string(),
      ctype: z.string(),
      collationVersion: z.string().nullable(),
    }),
  ),
  slots: z.array(z.strictObject({ name: z.string(), plugin: z.string(), database: z.string(), twoPhase: z.boolean() })),
  publications: z.array(z.strictObject({ name: z.string(), database: z.string(), allTables: z.boolean(), tables: z.array(z.string()) })),
})
export type ServerPart = z.infer<typeof serverPartSchema>

export const postgresPartSchema = z.strictObject({ server: serverPartSchema, base: basePartSchema, wal: walPartSchema })
export type PostgresPart = z.infer<typeof postgresPartSchema>

/** Reads PostgreSQL's part of a manifest. Throws `artifact-damaged` naming the first thing that does not fit. */
export function parsePostgresPart(part: unknown): PostgresPart {
  const parsed = postgresPartSchema.safeParse(part)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const path = ['components.postgres', ...(issue?.path ?? [])].join('.')
  throw new DatapipeError('artifact-damaged', `the postgres part of the manifest does not fit: ${issue?.message ?? 'unknown'}`, {
    path,
    cause: parsed.error,
  })
}
