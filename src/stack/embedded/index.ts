import { realpath } from 'node:fs/promises'
import { hostname } from 'node:os'
import { type Context, inPhase } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import type { ComponentName } from '../../base/events.ts'
import { prepareArchiveProgram } from './archive-program.ts'
import { writeConnectorSecrets } from './connector-secrets.ts'
import { EmbeddedStack, startOrder } from './embedded-stack.ts'
import { ensurePrograms } from './ensure-programs.ts'
import { freePorts } from './ports.ts'
import { postgresAccount } from './postgres-account.ts'
import { identifyProcess } from './process-identity.ts'
import { resolveJars } from './resolve-jars.ts'
import type { Run } from './run.ts'
import { createRunDirectory, newRunId } from './run-directory.ts'
import { prepareSecurity } from './security.ts'
import { type RunState, readState } from './state.ts'
import { sweep } from './sweep.ts'

export type { EmbeddedStack }

export interface EmbeddedStackOptions {
  context: Context
  /** All four when left out; what a named one needs (Kafka for registry and connect) comes with it. */
  components?: ComponentName[]
  /** Install missing programs instead of refusing; `DATAPIPE_INSTALL=1` in the environment says the same. */
  install?: boolean
  /** The run's directory, new or empty; one under `$TMPDIR/datapipe-<user>/` when left out. */
  directory?: string
  /** Kafka brokers, one JVM each (default 1); each is a controller, too. */
  brokers?: number
  /** The port that a broker tells its clients in place of its own, e.g. that of a proxy which it starts before that one. */
  advertise?: (broker: { id: number; port: number }) => Promise<number>
  /** TLS and passwords on PostgreSQL, Kafka and the registry, with certificates of the run's own. */
  secure?: boolean
  /** Settings of the brokers beside those of the stack, e.g. an authorizer. */
  kafkaSettings?: Record<string, string>
  /** Kafka and Connect compile as a server does that runs for days: slower to start, faster after minutes. For benchmarks. */
  steady?: boolean
  /** The stack outlives this process (`datapipe stack up`): no sweep ends it, only `down`. */
  detached?: boolean
}

/**
 * Starts real servers as local processes: sweeps what killed runs left, resolves the servers once into the cache, then PostgreSQL
 * beside Kafka, then registry beside Connect. Throws `programs-missing`, `tool-failed` (download), `stack-failed` with the last log
 * lines, `interrupted`; nothing is left running then.
 */
export async function startEmbeddedStack(options: EmbeddedStackOptions): Promise<EmbeddedStack> {
  const { context } = options
  const components = withPrerequisites(options.components ?? startOrder)
  const programs = await ensurePrograms({ components, install: options.install ?? process.env.DATAPIPE_INSTALL === '1', context })
  await sweep(context)
  const java = programs.java
  const jars = java === undefined ? undefined : await resolveJars({ context, maven: programs.maven, java: java.program })
  const { brokers = 1 } = options
  if (!Number.isInteger(brokers) || brokers < 1 || brokers > 9)
    throw new DatapipeError('usage', `not a number of brokers between 1 and 9: ${brokers}`)
  const ports = await freePorts(4 + 2 * brokers)
  const port = () => ports.pop() as number
  const moreBrokers = Array.from({ length: brokers - 1 }, (_, index) => ({ id: index + 2, port: port(), controllerPort: port() }))
  const firstPort = port()
  const advertisedPorts = options.advertise && (await advertised([{ id: 1, port: firstPort }, ...moreBrokers], options.advertise))
  const account = programs.postgres === undefined ? undefined : await postgresAccount()
  const owner = options.detached ? null : (identifyProcess(process.pid) ?? null)
  const described = { ...(programs.postgres && { postgresql: programs.postgres.version }), ...(java && { java: java.version }), ...jars?.versions }
  const base: RunState = {
    format: 1,
    id: newRunId(),
    host: hostname(),
    createdAt: context.now().toISOString(),
    owner,
    components,
    ...(options.secure === true && { secure: true }),
    ...(options.steady === true && { steady: true }),
    ...(brokers > 1 && { moreBrokers }),
    ...(options.kafkaSettings && { kafkaSettings: options.kafkaSettings }),
    ...(advertisedPorts && { advertisedPorts }),
    programs: {
      ...(java && { java: java.program }),
      ...(programs.postgres && { postgresBin: programs.postgres.bin }),
      ...(account && { postgresUser: account }),
    },
    ...(jars && { jars: jars.directory }),
    versions: described,
    ports: { postgres: port(), kafka: firstPort, kafkaController: port(), registry: port(), registryManagement: port(), connect: port() },
  }
  const directory = await createRunDirectory(base, options.directory)
  const run: Run = { directory, state: base, context }
  const stack = new EmbeddedStack(run, !options.detached)
  try {
    await prepareSecurity(run)
    await writeConnectorSecrets(run)
    if (components.includes('postgres')) await prepareArchiveProgram(run)
    await startAll(stack, components, context)
  } catch (error) {
    await stack.down()
    // A child that the signal ended reports that, not why.
    if (context.signal.aborted) throw new DatapipeError('interrupted', 'interrupted while the stack was starting')
    throw error
  }
  return stack
}

async function advertised(brokers: { id: number; port: number }[], advertise: NonNullable<EmbeddedStackOptions['advertise']>) {
  const ports: Record<string, number> = {}
  for (const { id, port } of brokers) ports[id] = await advertise({ id, port })
  return ports
}

/** A stack that runs already, found by the directory that it was started in. Disposing it does not end it; `down` does. */
export async function openEmbeddedStack(directory: string, context: Context): Promise<EmbeddedStack> {
  const state = await readState(directory)
  if (state === undefined) {
    throw new DatapipeError('stack-failed', 'there is no stack in this directory', {
      path: directory,
      hint: 'name the directory that `datapipe stack up` printed',
    })
  }
  return new EmbeddedStack({ directory: await realpath(directory), state, context }, false)
}

async function startAll(stack: EmbeddedStack, components: ComponentName[], context: Context): Promise<void> {
  const phase = (component: ComponentName) => inPhase(context, `start ${component}`, () => stack.start(component))
  const postgres = async () => {
    await inPhase(context, 'initialise postgres', () => stack.initPostgres())
    await phase('postgres')
  }
  await allOf([...(components.includes('postgres') ? [postgres()] : []), ...(components.includes('kafka') ? [phase('kafka')] : [])])
  await allOf(components.filter((component) => component === 'registry' || component === 'connect').map(phase))
}

/** Waits for every one, also when one failed, so that none still starts while the stack is torn down; throws the first error. */
async function allOf(work: Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(work)
  for (const result of results) if (result.status === 'rejected') throw result.reason
}

function withPrerequisites(wanted: readonly ComponentName[]): ComponentName[] {
  const all = new Set(wanted)
  if (all.has('registry') || all.has('connect')) all.add('kafka')
  return startOrder.filter((component) => all.has(component))
}
