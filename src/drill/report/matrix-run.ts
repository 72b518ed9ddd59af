import { z } from 'zod'
import { recoveryPointSchema } from '../../base/recovery-point-shape.ts'

const seconds = z.number().nonnegative()
const moment = z.iso.datetime({ offset: true })
const bytes = z.number().int().nonnegative()

/** Where what is under test ran: as a process of this machine, or in a container of an image under limits (null: none). */
const engineSchema = z.union([
  z.literal('process'),
  z.strictObject({ image: z.string().min(1), memoryBytes: bytes.nullable(), cpus: z.number().positive().nullable() }),
])

/** From the loss of the servers to the canary seen. */
const rtoSchema = z.strictObject({
  seconds,
  lostAt: moment,
  recoveredAt: moment,
  /** What it went into, one after the other: the loss itself, empty servers, the restore, the first new event. */
  phases: z.array(z.strictObject({ name: z.string().min(1), seconds })).optional(),
})

/** From the last commit that came back to the loss. */
const rpoSchema = z.strictObject({
  seconds,
  lastCommitAt: moment,
  lostAt: moment,
  /** Acknowledged transactions that did not come back: those committed after the recovery point. */
  transactionsLost: z.number().int().nonnegative(),
})

/** What one run measured beside its rows; the matrix repeats those of its newest full drill at the top. */
export const measuredFields = {
  stack: z.string().min(1),
  versions: z.record(z.string(), z.string()),
  /** As in the backup's manifest; null when no backup was made. */
  recoveryPoint: recoveryPointSchema.nullable(),
  /** In the order in which they began; they may overlap. */
  phases: z.array(z.strictObject({ name: z.string().min(1), seconds })),
  rto: rtoSchema.nullable(),
  rpo: rpoSchema.nullable(),
}

/** One drill on one stack. `verdict` is that of its rows (matrix-verdict.ts), kept here for readers of the JSON. */
export const runSchema = z
  .strictObject({
    /** Stable name of this kind of run, e.g. `embedded`: a run replaces the older one of its name. */
    id: z.string().regex(/^[a-z0-9][a-z0-9.-]*$/),
    drill: z.string().min(1),
    /** `engine`: Datapipe itself is under test; `reference`: another way, shown beside it, which says nothing about Datapipe. */
    subject: z.enum(['engine', 'reference']),
    /** Where the images came from, in containers: `official`, `local`. */
    profile: z.string().min(1).optional(),
    /** What sets the run apart from others of its drill and stack, for people: `PostgreSQL 17, Kafka 3.9.2`. */
    variant: z.string().min(1).optional(),
    engine: engineSchema,
    /** Highest memory seen, of the container that the engine ran in and of all servers together; null where not measured. */
    memory: z
      .strictObject({
        engineLimitBytes: bytes.nullable(),
        enginePeakBytes: bytes.nullable(),
        stackPeakBytes: bytes.nullable(),
        /** Looks at the servers that failed, left out when none did: the peak may have been higher. */
        missedLooks: z.number().int().positive().optional(),
      })
      .optional(),
    /** Of everything random in it: the same seed, the same transfers. Left out where nothing is random. */
    seed: z.number().int().nonnegative().optional(),
    /** When it ended, or was given up. */
    at: moment,
    ...measuredFields,
    verdict: z.enum(['pass', 'fail', 'unknown', 'not run', 'known loss']),
    /** Why it was not run; there if and only if the verdict is `not run`. */
    notRun: z.string().min(1).optional(),
  })
  .superRefine((run, context) => {
    if ((run.verdict === 'not run') !== (run.notRun !== undefined))
      context.addIssue({ code: 'custom', message: `run ${run.id}: a run that was not run says why, and no other does` })
  })

export type MatrixRun = z.infer<typeof runSchema>

/** `lose everything · containers (local) · PostgreSQL 17`: one line for people. */
export function runTitle(run: MatrixRun): string {
  const stack = run.profile === undefined ? run.stack : `${run.stack} (${run.profile})`
  return [run.drill, `${stack} stack`, ...(run.variant === undefined ? [] : [run.variant])].join(' · ')
}
