import { type Context, inPhase } from '../base/context.ts'
import { DatapipeError } from '../base/errors.ts'
import { image } from '../commands/image.ts'
import { assertEngineAnswers, engineFault } from '../stack/containers/engine-answers.ts'
import type { Profile, ServerVersions } from '../stack/containers/index.ts'
import { assertSecurable } from '../stack/containers/security.ts'
import { serverVersions } from '../stack/containers/server-versions.ts'
import { startOrder } from '../stack/embedded/embedded-stack.ts'
import { ensurePrograms } from '../stack/embedded/ensure-programs.ts'
import { startEmbeddedStack } from '../stack/embedded/index.ts'
import type { Stack } from '../stack/stack.ts'
import type { Engine } from './engine.ts'
import { engineInProcess } from './engine-in-process.ts'
import type { FinishedRun } from './report/assemble-matrix.ts'

export interface StageOptions {
  /** `auto`: embedded where its programs are (or may be installed), else containers where an engine answers. */
  stack?: 'auto' | 'embedded' | 'containers'
  /** Containers only: where the images come from. */
  profile?: Profile
  /** Containers only. */
  versions?: Partial<ServerVersions>
  /** Containers only: memory limit of the engine's container, MiB. */
  engineMemory?: number
  /** Containers only: the backup-tools image that the engine runs in, as it is; built from these sources when left out. */
  toolsImage?: string
  archiveMode?: 'directory' | 'receive'
  /** Install missing programs (root, or sudo); `DATAPIPE_INSTALL=1` says the same. */
  install?: boolean
  /** On servers that want TLS and passwords everywhere. */
  secure?: boolean
  /** Leave the servers up at the end, as `stack up` does. */
  keep?: boolean
}

/** A stack that will be started, and how the matrix speaks of the run on it. */
export interface PlannedStage {
  run: Pick<FinishedRun['run'], 'id' | 'drill' | 'subject' | 'engine' | 'profile' | 'variant'>
  kind: 'embedded' | 'containers'
  /** `directory` is that of the drill's evidence. */
  start(directory: string, context: Context): Promise<Stage>
}

/** A running stack with the engine that is to be drilled on it. */
export interface Stage extends AsyncDisposable {
  stack: Stack
  engine: Engine
}

/** The image that the engine runs in, on the containers stack: with programs of the server's own major version, or nothing can be recovered. */
export function engineImage(postgres: string): string {
  return postgres === '17' ? 'datapipe-backup-tools:latest' : `datapipe-backup-tools:pg${postgres}`
}

const engineCpus = 0.5
const secureVariant = 'SASL_SSL, HTTPS, sslmode=verify-full'
const mebibyte = 1024 ** 2

/** Where a drill is to run. Throws `usage` for options that do not go together. */
export async function planStage(drill: string, options: StageOptions, context: Context): Promise<PlannedStage> {
  const kind = await chosenKind(options, context)
  return kind === 'embedded' ? embeddedStage(drill, options) : containersStage(drill, options)
}

function embeddedStage(drill: string, options: StageOptions): PlannedStage {
  if (options.profile !== undefined || options.versions !== undefined || options.engineMemory !== undefined) {
    throw new DatapipeError('usage', 'profile, versions and memory can be chosen on the containers stack alone', { hint: 'add --stack containers' })
  }
  const secure = options.secure ?? false
  return {
    kind: 'embedded',
    run: {
      id: secure ? 'embedded-secure' : 'embedded',
      drill,
      subject: 'engine',
      engine: 'process',
      ...(secure ? { variant: secureVariant } : {}),
    },
    async start(directory, context) {
      const install = options.install === undefined ? {} : { install: options.install }
      const stack = await inPhase(context, 'start the stack', () =>
        startEmbeddedStack({ context, detached: options.keep ?? false, secure, ...install }),
      )
      const engine = engineInProcess({ stack, directory, archiveMode: options.archiveMode ?? 'directory' })
      return { stack, engine, [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose]() }
    },
  }
}

function containersStage(drill: string, options: StageOptions): PlannedStage {
  if (options.keep) throw new DatapipeError('usage', 'the containers stack knows no --keep', { hint: 'say --stack embedded' })
  const profile = options.profile ?? 'local'
  const secure = options.secure ?? false
  const versions = serverVersions(options.versions)
  if (secure) assertSecurable(profile, versions)
  const memory = options.engineMemory ?? 1024
  const limits = { image: options.toolsImage ?? engineImage(versions.postgres), memoryBytes: memory * mebibyte, cpus: engineCpus }
  const debezium = versions.debezium.replace(/\.\w+$/, (suffix) => (/\d/.test(suffix) ? suffix : ''))
  return {
    kind: 'containers',
    run: {
      id: `containers-${profile}-pg${versions.postgres}-kafka${versions.kafka}-dbz${debezium}-${memory}m${secure ? '-secure' : ''}`,
      drill,
      subject: 'engine',
      engine: limits,
      profile,
      variant: `PostgreSQL ${versions.postgres}, Kafka ${versions.kafka}, Debezium ${debezium}, ${memory} MiB${secure ? `, ${secureVariant}` : ''}`,
    },
    async start(directory, context) {
      // Loaded here: whoever drills on the embedded stack needs no container library.
      const [{ ensureStackImages, startContainersStack }, { engineInImage }] = await Promise.all([
        import('../stack/containers/index.ts'),
        import('./engine-in-image.ts'),
      ])
      await assertEngineAnswers()
      // What is not to be had is said before anything is built that would be for nothing.
      await ensureStackImages(profile, versions, context)
      // From the sources as they are: an image of yesterday would be drilled in place of today's engine.
      if (options.toolsImage === undefined) await image({ tag: limits.image, pgMajor: Number(versions.postgres) }, context)
      const open = new AsyncDisposableStack()
      try {
        const stack = await inPhase(context, 'start the stack', () => startContainersStack({ context, profile, versions, secure }))
        open.use(stack)
        // The server's image has no Datapipe to archive with, so that streaming is what such a stack does.
        const place = { stack, directory, archiveMode: options.archiveMode ?? 'receive' }
        const engine = open.use(await inPhase(context, "start the engine's container", () => engineInImage(place, limits, context)))
        return { stack, engine, [Symbol.asyncDispose]: () => open.disposeAsync() }
      } catch (error) {
        await open.disposeAsync()
        throw error
      }
    },
  }
}

async function chosenKind({ stack = 'auto', install }: StageOptions, context: Context): Promise<'embedded' | 'containers'> {
  if (stack !== 'auto') return stack
  try {
    await ensurePrograms({ components: [...startOrder], install: install ?? process.env.DATAPIPE_INSTALL === '1', context })
    return 'embedded'
  } catch (error) {
    if (!(error instanceof DatapipeError) || error.code !== 'programs-missing' || (await engineFault()) !== undefined) throw error
    return 'containers'
  }
}
