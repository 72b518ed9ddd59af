import { z } from 'zod'

const decimal = z.string().regex(/^\d+$/)
const ends = z.record(z.string(), z.record(z.string(), decimal))

/**
 * Positions that belong together, as a manifest keeps them and a matrix repeats them. LSNs as PostgreSQL prints them (`0/16B3748`); offsets as decimal strings.
 * `endOffsets[topic][partition]`: the offset after the last record that belongs to the point.
 */
export const recoveryPointSchema = z.strictObject({
  name: z.string(),
  /**
   * `barrier`: the connector stood still between two transactions; `transaction`: it went on, and the topics, which are stored beyond the
   * point, end where their events' transactions do; `no-connector`: nothing ties the components but the moment.
   */
  kind: z.enum(['barrier', 'transaction', 'no-connector']),
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
  kafka: z
    .strictObject({
      clusterId: z.string(),
      endOffsets: ends,
      /** Records below these ends are of transactions that had committed at `lsn`: a cut at or behind it need not read them. */
      settled: z.strictObject({ lsn: z.string(), endOffsets: ends }).optional(),
    })
    .optional(),
})
export type RecoveryPoint = z.infer<typeof recoveryPointSchema>
