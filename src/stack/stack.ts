import type { DatapipeConfig } from '../base/config.ts'
import type { ComponentName } from '../base/events.ts'

/**
 * The four servers, running. Start order: postgres, kafka, registry, connect. Everything a stack starts carries its run id and is
 * swept by the next run when this one was killed.
 */
export interface Stack extends AsyncDisposable {
  readonly kind: 'embedded' | 'containers'
  /** The run's directory: data directories, server logs, state file. */
  readonly directory: string
  /** A configuration for Datapipe that reaches these servers; `repositoryUrl` goes into it as it is. */
  config(repositoryUrl: string): DatapipeConfig
  /** Starts the component's server and waits until it serves. No-op when it runs. */
  start(component: ComponentName): Promise<void>
  /** Stops it gracefully; its data stays. */
  stop(component: ComponentName): Promise<void>
  /** Stops it and really deletes its data directory; the next start begins with an empty server. For postgres the next start needs a restored (or `initPostgres`) directory. */
  destroy(component: ComponentName): Promise<void>
  /** A fresh, empty database cluster in the data directory. */
  initPostgres(): Promise<void>
  isRunning(component: ComponentName): Promise<boolean>
  /** Name → version of every server and plugin, e.g. `{postgresql: '15.18', kafka: '4.3.1', debezium: '3.6.0.Final', …}`. */
  versions(): Promise<Record<string, string>>
  /** Resident memory now, bytes per server. */
  memory(): Promise<Partial<Record<ComponentName, number>>>
  /** The last lines of the server's log. */
  lastLog(component: ComponentName, lines?: number): Promise<string>
  /** Settings that a connector needs to write Confluent-framed Avro, key and value, to this registry. The password is a reference (`${file:…}`). */
  converterConfig(): Record<string, string>
  /** Debezium's `database.*` settings for this PostgreSQL (hostname, port, user, password by reference, dbname). */
  databaseConfig(): Record<string, string>
  /** Keeps a secret for connectors and returns the reference (`${file:PATH:KEY}`) that a connector configuration holds instead of it. */
  connectorSecret(key: string, value: string): Promise<string>
  /** Ends the server without warning (SIGKILL); its data stays as a crash leaves it. */
  kill(component: ComponentName): Promise<void>
  /** Where the server archives its WAL (`archive_command`), per system identifier and timeline below it. */
  readonly archiveDirectory: string
  /** Stops every server and removes the run's directory (kept when `keep`). */
  down(options?: { keep?: boolean }): Promise<void>
}
