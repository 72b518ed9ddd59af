import { z } from 'zod'
import { artifactSchema } from './artifact.ts'

/** The newest manifest format this version writes; `readers` in read-manifest.ts knows every older one. */
export const manifestFormat = 1

const decimal = z.string().regex(/^\d+$/)

/**
 * Positions that belong together. LSNs as PostgreSQL prints them (`0/16B3748`); offsets as decimal strings.
 * `endOffsets[topic][partition]`: the offset after the last record that belongs to the point.
 */
export const recoveryPointSchema = z.strictObject({
  name: z.string(),
  /** `barrier`: the connector stood still between two transactions; `no-connector`: nothing ties the components but the moment. */
  kind: z.enum(['barrier', 'no-connector']),
  takenAt: z.string(),
  postgres: z
    .strictObject({
      systemIdentifier: decimal,
      timeline: z.number().int().positive(),
      /** End LSN of the last transaction that belongs to the point: recover to it exclusively. */
      lsn: z.string(),
      /** xid and commit time of that transaction, when known. */
      xid: decimal.optional(),
      time: z.string().optional(),
    })
    .optional(),
  kafka: z.strictObject({ clusterId: z.string(), endOffsets: z.record(z.string(), z.record(z.string(), decimal)) }).optional(),
})
export type RecoveryPoint = z.infer<typeof recoveryPointSchema>

/**
 * The list of artifacts and the recovery point. Its presence *is* the backup: written last, removed first.
 * `components.X` is that component's own part, parsed by its own schema.
 */
export const manifestSchema = z.strictObject({
  format: z.literal(manifestFormat),
  id: z.string(),
  /** What `backup --label` said. */
  label: z.string().optional(),
  createdBy: z.string(),
  startedAt: z.string(),
  finishedAt: z.string(),
  /** False when something wanted could not be stored: `findings` lists the gaps, and `backup` exits with 22. */
  complete: z.boolean(),
  recoveryPoint: recoveryPointSchema,
  components: z.strictObject({
    postgres: z.unknown().optional(),
    kafka: z.unknown().optional(),
    registry: z.unknown().optional(),
    connect: z.unknown().optional(),
  }),
  findings: z.array(
    z.strictObject({
      severity: z.enum(['harm', 'warning', 'note']),
      code: z.string(),
      component: z.enum(['postgres', 'kafka', 'registry', 'connect']),
      item: z.string(),
      message: z.string(),
      next: z.string().optional(),
    }),
  ),
  phases: z.array(z.strictObject({ name: z.string(), seconds: z.number() })),
  artifacts: z.array(artifactSchema),
})
export type Manifest = z.infer<typeof manifestSchema>
