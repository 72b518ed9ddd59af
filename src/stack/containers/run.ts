import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { Context } from '../../base/context.ts'
import { profiles } from './server-versions.ts'

const port = z.number().int().positive()

/** `state.json` of a run's directory: whose it is, and what it runs. Written once, before the first container; holds no secrets. */
export const runStateSchema = z.strictObject({
  format: z.literal(1),
  id: z.string(),
  host: z.string(),
  createdAt: z.string(),
  /** The process that the stack belongs to: when it dies, the stack is swept. */
  owner: z.strictObject({ pid: z.number().int().positive(), startTime: z.string() }),
  profile: z.enum(profiles),
  versions: z.record(z.string(), z.string()),
  /** Image of each server; which registry it is decides about the converter. */
  images: z.strictObject({ postgres: z.string(), kafka: z.string(), registry: z.string(), connect: z.string() }),
  registryKind: z.enum(['apicurio', 'confluent']),
  /** TLS and passwords everywhere; left out by runs of before it could be chosen. */
  secure: z.boolean().default(false),
  /** On this machine; inside the network each server has its usual one. */
  ports: z.strictObject({ postgres: port, kafka: port, registry: port, connect: port }),
})
export type RunState = z.infer<typeof runStateSchema>

/** One containers stack, as the files of this folder pass it around. */
export interface Run {
  readonly directory: string
  readonly state: RunState
  readonly context: Context
}

/** Label of every container, volume and network of a run; the value is the run's id. */
export const runLabel = 'datapipe.stack.run'
/** `HOST PID STARTTIME` of the process that the run belongs to: what a sweep needs even when the run's directory is gone. */
export const ownerLabel = 'datapipe.stack.owner'

export function labelsOf({ state }: Pick<Run, 'state'>): Record<string, string> {
  return { [runLabel]: state.id, [ownerLabel]: `${state.host} ${state.owner.pid} ${state.owner.startTime}` }
}

/** Name of a container, a volume or the network of a run. */
export function nameOf({ state }: Pick<Run, 'state'>, what: string): string {
  return `datapipe-${state.id}-${what}`
}

export const secretNames = ['postgres', 'registry', 'kafka', 'kafka-broker'] as const

/** A generated secret of the run. */
export function readSecret(run: Pick<Run, 'directory'>, name: (typeof secretNames)[number]): string {
  return readFileSync(join(run.directory, 'secrets', name), 'utf8').trim()
}
