import type { DatapipeConfig } from '../../base/config.ts'
import { DatapipeError, describeError } from '../../base/errors.ts'
import type { ComponentName } from '../../base/events.ts'
import type { Stack } from '../stack.ts'
import { bootstrapServers, brokerName, brokersOf, type ServerName, serverNames } from './brokers.ts'
import { keepClassArchive } from './class-archive.ts'
import { destroyConnect, startConnect } from './connect-server.ts'
import { addConnectorSecret, connectorSecretReference } from './connector-secrets.ts'
import { destroyKafka, startBroker, startKafka } from './kafka-server.ts'
import { residentMemory } from './memory.ts'
import { archiveDirectory, destroyPostgres, initPostgres, postgresUser, startPostgres } from './postgres-server.ts'
import { destroyRegistry, registryUrl, registryUser, startRegistry } from './registry-server.ts'
import type { Run } from './run.ts'
import { removeRunDirectory } from './run-directory.ts'
import { identities, processTree, serverProcess } from './run-processes.ts'
import { tlsFiles } from './security.ts'
import { lastLogLines, logFile } from './server-log.ts'
import { endProcess, forgetProcess } from './server-process.ts'
import { stackConfig, stackConfigText } from './stack-config.ts'
import { killNow, killRun } from './sweep.ts'

const servers: Record<ComponentName, { start: (run: Run) => Promise<void>; destroy: (run: Run) => Promise<void>; stopSignal: NodeJS.Signals }> = {
  // SIGINT is PostgreSQL's fast shutdown: sessions are ended, the shutdown checkpoint is written, the last segment archived.
  postgres: { start: startPostgres, destroy: destroyPostgres, stopSignal: 'SIGINT' },
  kafka: { start: startKafka, destroy: destroyKafka, stopSignal: 'SIGTERM' },
  registry: { start: startRegistry, destroy: destroyRegistry, stopSignal: 'SIGTERM' },
  connect: { start: startConnect, destroy: destroyConnect, stopSignal: 'SIGTERM' },
}

/** Servers depend on those before them: they start in this order and stop in the opposite one. */
export const startOrder: readonly ComponentName[] = ['postgres', 'kafka', 'registry', 'connect']

/** Real servers as local processes, kept in a run's directory. Disposing tears down a stack that this process owns, and leaves any other alone. */
export class EmbeddedStack implements Stack {
  readonly kind = 'embedded'
  readonly directory: string
  readonly archiveDirectory: string
  readonly #run: Run
  readonly #owned: boolean
  readonly #atExit: () => void
  /** One operation at a time on each server. */
  readonly #queue = new Map<ComponentName, Promise<void>>()

  constructor(run: Run, owned: boolean) {
    this.#run = run
    this.#owned = owned
    this.directory = run.directory
    this.archiveDirectory = archiveDirectory(run.directory)
    this.#atExit = () => killNow(run.state.id, run.directory)
    if (owned) process.on('exit', this.#atExit)
  }

  get components(): readonly ComponentName[] {
    return this.#run.state.components
  }

  config(repositoryUrl: string): DatapipeConfig {
    return stackConfig(this.#run, repositoryUrl)
  }

  /** The same as the text of a `datapipe.yaml`; secrets are references to files. */
  configText(repositoryUrl: string): string {
    return stackConfigText(this.#run, repositoryUrl)
  }

  get origin(): { createdAt: string; detached: boolean } {
    return { createdAt: this.#run.state.createdAt, detached: this.#run.state.owner === null }
  }

  async status(): Promise<{ component: ComponentName; running: boolean; address: string; memory: number; logFile: string }[]> {
    const memory = await this.memory()
    return this.components.map((component) => ({
      component,
      running: this.#runs(component),
      address: component === 'kafka' ? bootstrapServers(this.#run).join(',') : `127.0.0.1:${this.#run.state.ports[component]}`,
      memory: memory[component] ?? 0,
      logFile: logFile(this.directory, component),
    }))
  }

  start(component: ComponentName): Promise<void> {
    return this.#alone(component, async () => {
      if (!this.#runs(component)) await servers[component].start(this.#run)
    })
  }

  stop(component: ComponentName): Promise<void> {
    return this.#alone(component, () => this.#end(component, [{ signal: servers[component].stopSignal, waitMs: 90_000 }]))
  }

  kill(component: ComponentName): Promise<void> {
    return this.#alone(component, () => this.#end(component, []))
  }

  destroy(component: ComponentName): Promise<void> {
    return this.#alone(component, async () => {
      // A disaster does not let servers finish their work; PostgreSQL alone is stopped in order, as its archiver must not write on behind its back.
      await this.#end(component, component === 'postgres' ? [{ signal: servers.postgres.stopSignal, waitMs: 90_000 }] : [])
      await servers[component].destroy(this.#run)
    })
  }

  /** Ends one broker: in order, or as a crash does (`SIGKILL`). Its data stay. */
  stopBroker(id: number, signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    return this.#alone('kafka', () => this.#endServer(brokerName(id), signal === 'SIGTERM' ? [{ signal, waitMs: 90_000 }] : []))
  }

  /** No-op when it runs. */
  startBroker(id: number): Promise<void> {
    return this.#alone('kafka', async () => {
      const broker = brokersOf(this.#run).find((each) => each.id === id)
      if (broker === undefined) throw new DatapipeError('usage', `this stack has no broker ${id}`)
      if (serverProcess(this.directory, brokerName(id)) === undefined) await startBroker(this.#run, broker)
    })
  }

  initPostgres(): Promise<void> {
    return this.#alone('postgres', () => initPostgres(this.#run))
  }

  async isRunning(component: ComponentName): Promise<boolean> {
    return this.#runs(component)
  }

  async versions(): Promise<Record<string, string>> {
    return { ...this.#run.state.versions }
  }

  async memory(): Promise<Partial<Record<ComponentName, number>>> {
    const found: Partial<Record<ComponentName, number>> = {}
    for (const component of this.components) {
      const running = this.#servers(component)
        .map((server) => serverProcess(this.directory, server))
        .filter((server) => server !== undefined)
      if (running.length > 0) found[component] = running.reduce((sum, { pid }) => sum + residentMemory(pid), 0)
    }
    return found
  }

  lastLog(component: ComponentName, lines = 20): Promise<string> {
    return lastLogLines(this.directory, component, lines)
  }

  connectorSecret(key: string, value: string): Promise<string> {
    return addConnectorSecret(this.#run, key, value)
  }

  databaseConfig(): Record<string, string> {
    const tls = tlsFiles(this.#run)
    return {
      'database.hostname': '127.0.0.1',
      'database.port': String(this.#run.state.ports.postgres),
      'database.user': postgresUser,
      'database.password': connectorSecretReference(this.#run, 'postgres.password'),
      'database.dbname': 'postgres',
      ...(tls === undefined ? {} : { 'database.sslmode': 'verify-full', 'database.sslrootcert': tls.ca }),
    }
  }

  converterConfig(): Record<string, string> {
    const tls = tlsFiles(this.#run)
    const settings: Record<string, string> = {
      'apicurio.registry.url': `${registryUrl(this.#run)}/apis/registry/v2`,
      'apicurio.auth.username': registryUser,
      'apicurio.auth.password': connectorSecretReference(this.#run, 'registry.password'),
      ...(tls === undefined ? {} : { 'apicurio.rest.request.ssl.ca-bundle.location': tls.ca }),
      'apicurio.registry.auto-register': 'true',
      'apicurio.registry.find-latest': 'true',
      // Confluent's wire format: magic byte 0 and a 4-byte id before the datum, instead of ids in record headers.
      'apicurio.registry.headers.enabled': 'false',
      'apicurio.registry.enable-confluent-id-handler': 'true',
      'apicurio.registry.id-handler': 'io.apicurio.registry.serde.Legacy4ByteIdHandler',
      'apicurio.registry.use-id': 'contentId',
    }
    const both = ['key.converter', 'value.converter'].flatMap((converter) => [
      [converter, 'io.apicurio.registry.utils.converter.AvroConverter'],
      ...Object.entries(settings).map(([key, value]) => [`${converter}.${key}`, value]),
    ])
    return Object.fromEntries(both)
  }

  async down(options: { keep?: boolean } = {}): Promise<void> {
    const { context, state } = this.#run
    for (const component of startOrder.toReversed()) {
      // One server that does not stop in order must not keep the others alive: what is left of the run is killed below.
      await this.stop(component).catch((error: unknown) => {
        context.emit({ type: 'log', level: 'warning', component, message: `did not stop in order, is killed: ${describeError(error)}` })
      })
    }
    await killRun(state.id, this.directory)
    if (!options.keep) await removeRunDirectory(this.directory, state.id)
    process.off('exit', this.#atExit)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#owned) await this.down()
  }

  #servers(component: ComponentName): ServerName[] {
    return serverNames(this.#run, component)
  }

  #runs(component: ComponentName): boolean {
    return this.#servers(component).every((server) => serverProcess(this.directory, server) !== undefined)
  }

  async #end(component: ComponentName, steps: Parameters<typeof endProcess>[1]): Promise<void> {
    const names = this.#servers(component)
    // The last controllers of a quorum wait in vain for the others when they are to end in order.
    const patience = names.length > 1 ? steps.map((step) => ({ ...step, waitMs: 10_000 })) : steps
    await Promise.all(names.map((server) => this.#endServer(server, patience)))
    if (component !== 'postgres') await keepClassArchive(this.#run, component)
  }

  async #endServer(name: ServerName, steps: Parameters<typeof endProcess>[1]): Promise<void> {
    const server = serverProcess(this.directory, name)
    if (server === undefined) return
    const tree = identities(processTree(server.pid))
    await endProcess(server, [...steps, { signal: 'SIGKILL', waitMs: 60_000 }])
    // PostgreSQL's backends outlive a killed postmaster for a moment, and the next start refuses as long as one does.
    for (const each of tree) await endProcess(each, [{ signal: 'SIGKILL', waitMs: 60_000 }])
    forgetProcess(this.directory, name)
  }

  #alone(component: ComponentName, work: () => Promise<void>): Promise<void> {
    const before = this.#queue.get(component) ?? Promise.resolve()
    const result = before.then(work, work)
    this.#queue.set(component, result)
    return result
  }
}
