import { spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { configSchema, type DatapipeConfig } from '../../base/config.ts'
import { DatapipeError, describeError } from '../../base/errors.ts'
import type { ComponentName } from '../../base/events.ts'
import { startOrder } from '../embedded/embedded-stack.ts'
import { lastLogLines } from '../embedded/server-log.ts'
import type { Stack } from '../stack.ts'
import { connectorSecretReference, converterConfig, startConnect, stopConnect } from './connect-container.ts'
import { destroyKafka, startKafka, stopKafka } from './kafka-container.ts'
import { containerMemory } from './memory.ts'
import {
  archiveDirectory,
  dataDirectory,
  destroyPostgres,
  initPostgres,
  postgresUrl,
  postgresUser,
  startPostgres,
  stopPostgres,
} from './postgres-container.ts'
import { registryUrl, registryUser, startRegistry, stopRegistry } from './registry-container.ts'
import { removeDirectory } from './remove-directory.ts'
import { type Run, readSecret, runLabel } from './run.ts'
import { secretsMount, sharedSecrets, writeReadable } from './run-directory.ts'
import { caIn, kafkaSecurity, trust } from './security.ts'
import { isRunning, removeServer } from './server-container.ts'
import type { Profile } from './server-versions.ts'
import { removeRun } from './sweep.ts'

interface Server {
  start: (run: Run) => Promise<void>
  stop: (run: Run) => Promise<void>
  /** Deletes what the next start must not find; registry and Connect keep everything in Kafka. */
  destroy?: (run: Run) => Promise<void>
}

const servers: Record<ComponentName, Server> = {
  postgres: { start: startPostgres, stop: stopPostgres, destroy: destroyPostgres },
  kafka: { start: startKafka, stop: stopKafka, destroy: destroyKafka },
  registry: { start: startRegistry, stop: stopRegistry },
  connect: { start: startConnect, stop: stopConnect },
}

/** Real servers in containers, each start a new container on the data that are there. Disposing removes everything of the run. */
export class ContainersStack implements Stack {
  readonly kind = 'containers'
  readonly directory: string
  readonly archiveDirectory: string
  readonly run: Run
  readonly #atExit: () => void
  /** One operation at a time on each server. */
  readonly #queue = new Map<ComponentName, Promise<void>>()

  constructor(run: Run) {
    this.run = run
    this.directory = run.directory
    this.archiveDirectory = archiveDirectory(run.directory)
    // The last resort when the owner exits without tearing down: no waiting is possible any more; the next start sweeps what is left.
    this.#atExit = () => {
      const found = spawnSync('docker', ['ps', '--all', '--quiet', '--filter', `label=${runLabel}=${run.state.id}`], { encoding: 'utf8' })
      const ids = (found.stdout ?? '').split('\n').filter((id) => id !== '')
      if (ids.length > 0) spawnSync('docker', ['rm', '--force', '--volumes', ...ids])
    }
    process.on('exit', this.#atExit)
  }

  get profile(): Profile {
    return this.run.state.profile
  }

  /** As this machine reaches the servers; the data directory is where this machine sees it. */
  config(repositoryUrl: string): DatapipeConfig {
    const { ports } = this.run.state
    return configSchema.parse({
      repository: { url: repositoryUrl },
      postgres: { url: postgresUrl(this.run), dataDirectory: dataDirectory(this.directory), archive: { mode: 'receive', slot: 'datapipe_wal' } },
      kafka: { bootstrapServers: [`127.0.0.1:${ports.kafka}`], ...kafkaSecurity(this.run, 'text') },
      registry: { url: registryUrl(this.run), username: registryUser, password: readSecret(this.run, 'registry'), ...trust(this.run, 'text') },
      connect: { url: `http://127.0.0.1:${ports.connect}` },
    })
  }

  start(component: ComponentName): Promise<void> {
    return this.#alone(component, async () => {
      if (await isRunning(this.run, component)) return
      // What a crash left of the last one.
      await removeServer(this.run, component)
      await servers[component].start(this.run)
    })
  }

  stop(component: ComponentName): Promise<void> {
    return this.#alone(component, () => this.#stop(component))
  }

  kill(component: ComponentName): Promise<void> {
    return this.#alone(component, () => removeServer(this.run, component))
  }

  destroy(component: ComponentName): Promise<void> {
    return this.#alone(component, async () => {
      await this.#stop(component)
      await servers[component].destroy?.(this.run)
    })
  }

  initPostgres(): Promise<void> {
    return this.#alone('postgres', () => initPostgres(this.run))
  }

  isRunning(component: ComponentName): Promise<boolean> {
    return isRunning(this.run, component)
  }

  async versions(): Promise<Record<string, string>> {
    return { ...this.run.state.versions }
  }

  async memory(): Promise<Partial<Record<ComponentName, number>>> {
    const found: Partial<Record<ComponentName, number>> = {}
    for (const component of startOrder) {
      const bytes = await containerMemory(this.run, component)
      if (bytes !== undefined) found[component] = bytes
    }
    return found
  }

  lastLog(component: ComponentName, lines = 20): Promise<string> {
    return lastLogLines(this.directory, component, lines)
  }

  async connectorSecret(key: string, value: string): Promise<string> {
    if (!/^[\w.-]+$/.test(key) || /[\r\n]/.test(value))
      throw new DatapipeError('usage', `not a key and a one-line value for a connector secret: ${key}`)
    const file = join(sharedSecrets(this.directory), 'connect.properties')
    const kept = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '' && !line.startsWith(`${key}=`))
    await writeReadable(file, [...kept, `${key}=${value.replaceAll('\\', '\\\\')}`, ''].join('\n'))
    return connectorSecretReference(key)
  }

  databaseConfig(): Record<string, string> {
    return {
      'database.hostname': 'postgres',
      'database.port': '5432',
      'database.user': postgresUser,
      'database.password': connectorSecretReference('postgres.password'),
      'database.dbname': 'postgres',
      ...(this.run.state.secure ? { 'database.sslmode': 'verify-full', 'database.sslrootcert': caIn(secretsMount) } : {}),
    }
  }

  converterConfig(): Record<string, string> {
    return converterConfig(this.run)
  }

  async down(options: { keep?: boolean } = {}): Promise<void> {
    const { context, state } = this.run
    for (const component of startOrder.toReversed()) {
      // Data that are thrown away need no orderly end. One server that does not stop in order must not keep the others alive.
      const end = options.keep ? this.stop(component) : this.kill(component)
      await end.catch((error: unknown) => {
        context.emit({ type: 'log', level: 'warning', component, message: `did not stop in order, is removed: ${describeError(error)}` })
      })
    }
    await removeRun(state.id)
    if (!options.keep) await removeDirectory(this.directory, state.images.postgres)
    process.off('exit', this.#atExit)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.down()
  }

  async #stop(component: ComponentName): Promise<void> {
    if (await isRunning(this.run, component)) await servers[component].stop(this.run)
    else await removeServer(this.run, component)
  }

  #alone(component: ComponentName, work: () => Promise<void>): Promise<void> {
    const before = this.#queue.get(component) ?? Promise.resolve()
    const result = before.then(work, work)
    this.#queue.set(component, result)
    return result
  }
}
