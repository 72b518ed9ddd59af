import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { DatapipeError } from '../../base/errors.ts'

const processSchema = z.strictObject({ pid: z.number().int().positive(), startTime: z.string() })

/**
 * `state.json` of a run's directory: what another process needs to find the stack again, or to sweep it. Written once, before any
 * server is started, and never changed: which processes run now is in `pids/`, one file a server, so that two processes
 * (a drill, and the `datapipe stack start postgres` that its restore calls) never write the same file. Holds no secrets.
 */
export const runStateSchema = z.strictObject({
  format: z.literal(1),
  id: z.string(),
  host: z.string(),
  createdAt: z.string(),
  /** The process that the stack belongs to: when it dies, the stack is swept. Null: it stays until `datapipe stack down`. */
  owner: processSchema.nullable(),
  components: z.array(z.enum(['postgres', 'kafka', 'registry', 'connect'])),
  /** TLS and passwords everywhere: SASL_SSL on Kafka, HTTPS on the registry, `hostssl` alone on PostgreSQL. */
  secure: z.boolean().optional(),
  /** Its JVMs compile as those that run for days do (`java.ts`). */
  steady: z.boolean().optional(),
  /** Brokers beside the first one. */
  moreBrokers: z.array(z.strictObject({ id: z.number(), port: z.number(), controllerPort: z.number() })).optional(),
  /** Settings of brokers beside the stack's own. */
  kafkaSettings: z.record(z.string(), z.string()).optional(),
  /** Broker id → the port that the broker tells its clients, where that is not its own. */
  advertisedPorts: z.record(z.string(), z.number()).optional(),
  programs: z.strictObject({
    java: z.string().optional(),
    postgresBin: z.string().optional(),
    /** The uid that PostgreSQL runs under when we are root (it refuses to be). */
    postgresUser: z.strictObject({ name: z.string(), uid: z.number(), gid: z.number() }).optional(),
  }),
  jars: z.string().optional(),
  versions: z.record(z.string(), z.string()),
  ports: z.strictObject({
    postgres: z.number(),
    kafka: z.number(),
    kafkaController: z.number(),
    registry: z.number(),
    registryManagement: z.number(),
    connect: z.number(),
  }),
})
export type RunState = z.infer<typeof runStateSchema>

export async function writeState(directory: string, state: RunState): Promise<void> {
  const path = join(directory, 'state.json')
  await writeFile(`${path}.new`, `${JSON.stringify(state, null, 2)}\n`)
  await rename(`${path}.new`, path)
}

/** Undefined when the directory has no state file; `stack-failed` when it has one that is not ours. */
export async function readState(directory: string): Promise<RunState | undefined> {
  let text: string
  try {
    text = await readFile(join(directory, 'state.json'), 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return undefined
    throw error
  }
  try {
    return runStateSchema.parse(JSON.parse(text))
  } catch (cause) {
    throw new DatapipeError('stack-failed', 'this is not the state file of a stack that this version started', {
      path: join(directory, 'state.json'),
      hint: 'name the directory that `datapipe stack up` printed',
      cause,
    })
  }
}
