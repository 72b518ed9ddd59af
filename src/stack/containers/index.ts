import { hostname } from 'node:os'
import { type Context, inPhase } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import type { ComponentName } from '../../base/events.ts'
import { docker } from '../../image/docker.ts'
import { freePorts } from '../embedded/ports.ts'
import { identifyProcess } from '../embedded/process-identity.ts'
import { newRunId } from '../embedded/run-directory.ts'
import { ContainersStack } from './containers-stack.ts'
import { assertEngineAnswers } from './engine-answers.ts'
import { localImages } from './local-images.ts'
import { officialImages } from './official-images.ts'
import { labelsOf, nameOf, type Run, type RunState } from './run.ts'
import { createRunDirectory } from './run-directory.ts'
import { assertSecurable, prepareSecurity } from './security.ts'
import { type Profile, type ServerVersions, serverVersions } from './server-versions.ts'
import type { StackImages } from './stack-images.ts'
import { removeRun, sweepContainers } from './sweep.ts'

export type { ContainersStack, Profile, ServerVersions }

export interface ContainersStackOptions {
  context: Context
  /** `local` when left out. */
  profile?: Profile
  versions?: Partial<ServerVersions>
  /** TLS and passwords everywhere: SASL_SSL, HTTPS, `hostssl`. Throws `usage` where it is not to be had. */
  secure?: boolean
}

/**
 * Starts real servers in containers: sweeps what killed runs left, builds or pulls the images, then PostgreSQL beside Kafka, then registry
 * beside Connect. Throws `engine-missing`, `image-missing` with what the pull said, `programs-missing` or `tool-failed` (a build),
 * `stack-failed` with the last log lines, `interrupted`; nothing is left then.
 */
export async function startContainersStack(options: ContainersStackOptions): Promise<ContainersStack> {
  const { context, profile = 'local', secure = false } = options
  const versions = serverVersions(options.versions)
  if (secure) assertSecurable(profile, versions)
  await assertEngineAnswers()
  prepareLibrary()
  await sweepContainers(context)
  const images = await ensureStackImages(profile, versions, context)
  const [postgres = 0, kafka = 0, registry = 0, connect = 0] = await freePorts(4)
  const owner = identifyProcess(process.pid)
  if (owner === undefined) throw new DatapipeError('internal', 'this process has no identity')
  const state: RunState = {
    format: 1,
    id: newRunId(),
    host: hostname(),
    createdAt: context.now().toISOString(),
    owner,
    profile,
    versions: images.versions,
    images: images.images,
    registryKind: images.registryKind,
    secure,
    ports: { postgres, kafka, registry, connect },
  }
  const run: Run = { directory: await createRunDirectory(state), state, context }
  const stack = new ContainersStack(run)
  try {
    const labels = Object.entries(labelsOf(run)).flatMap(([key, value]) => ['--label', `${key}=${value}`])
    if (secure) await prepareSecurity(run)
    await docker(['network', 'create', ...labels, nameOf(run, 'network')], { signal: context.signal })
    await startAll(stack, context)
  } catch (error) {
    await stack.down()
    await removeRun(state.id)
    if (context.signal.aborted) throw new DatapipeError('interrupted', 'interrupted while the stack was starting')
    throw error
  }
  return stack
}

/** Builds or pulls what a stack of these versions is made of; quick when it is there. Throws `image-missing`, and what a build can fail with. */
export function ensureStackImages(profile: Profile, versions: ServerVersions, context: Context): Promise<StackImages> {
  return profile === 'local' ? localImages(versions, context) : officialImages(versions, context)
}

/** Our own labels and sweep do what the library's reaper does, whose image is one more that must be reachable. */
function prepareLibrary(): void {
  process.env.TESTCONTAINERS_RYUK_DISABLED ??= 'true'
  // `localhost` may be ::1, where the engine does not listen everywhere.
  process.env.TESTCONTAINERS_HOST_OVERRIDE ??= '127.0.0.1'
}

async function startAll(stack: ContainersStack, context: Context): Promise<void> {
  const phase = (component: ComponentName) => inPhase(context, `start ${component}`, () => stack.start(component))
  const postgres = async () => {
    await inPhase(context, 'initialise postgres', () => stack.initPostgres())
    await phase('postgres')
  }
  await allOf([postgres(), phase('kafka')])
  await allOf([phase('registry'), phase('connect')])
}

/** Waits for every one, also when one failed, so that none still starts while the stack is torn down; throws the first error. */
async function allOf(work: Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(work)
  for (const result of results) if (result.status === 'rejected') throw result.reason
}
