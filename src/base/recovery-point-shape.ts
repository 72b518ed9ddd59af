import { z } from 'zod'

const decimal = z.string().regex(/^\d+$/)

/**
 * Positions that belong together, as a manifest keeps them and a matrix repeats them. LSNs as PostgreSQL prints them (`0/16B3748`); offsets as decimal strings.
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
