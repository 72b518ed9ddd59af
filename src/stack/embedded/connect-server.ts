import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { bootstrapServers, brokersOf } from './brokers.ts'
import { classArchiveOptions } from './class-archive.ts'
import { httpAnswers } from './http-answers.ts'
import { javaOptions, propertiesFile } from './java.ts'
import { jarsOf, programOf, type Run } from './run.ts'
import { kafkaClientSettings } from './security.ts'
import { startServer } from './server-process.ts'

/** Starts a Connect worker (distributed mode; its state is in Kafka) with the Debezium connector and the Avro converter as plugins. */
export async function startConnect(run: Run): Promise<void> {
  const home = homeDirectory(run)
  await mkdir(home, { recursive: true, mode: 0o700 })
  const jars = jarsOf(run)
  const { connect } = run.state.ports
  const properties = join(home, 'connect.properties')
  const replicas = Math.min(3, brokersOf(run).length)
  // The worker's own connections, and those of its connectors' tasks: each reads its own prefix.
  const kafkaSettings = Object.fromEntries(
    Object.entries(kafkaClientSettings(run)).flatMap(([key, value]) =>
      ['', 'producer.', 'consumer.', 'admin.'].map((prefix) => [prefix + key, value]),
    ),
  )
  await writeFile(
    properties,
    propertiesFile({
      'bootstrap.servers': bootstrapServers(run).join(','),
      'group.id': 'datapipe-connect',
      listeners: `http://127.0.0.1:${connect}`,
      'rest.advertised.host.name': '127.0.0.1',
      'rest.advertised.port': connect,
      'key.converter': 'org.apache.kafka.connect.json.JsonConverter',
      'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
      'config.storage.topic': 'connect-configs',
      'offset.storage.topic': 'connect-offsets',
      'status.storage.topic': 'connect-status',
      'config.storage.replication.factor': replicas,
      'offset.storage.replication.factor': replicas,
      'status.storage.replication.factor': replicas,
      'offset.flush.interval.ms': 1000,
      // Five seconds by default: a busy machine takes longer, and a task that is cut short does not commit its last offsets: its events come twice.
      'task.shutdown.graceful.timeout.ms': 60_000,
      'plugin.path': join(jars, 'plugins'),
      // Every plugin has a manifest (resolve-jars.ts sees to it): no scan of every class.
      'plugin.discovery': 'service_load',
      // Connector configurations name secrets as ${file:PATH:KEY}, so that neither topics nor backups hold them.
      ...kafkaSettings,
      'config.providers': 'file',
      'config.providers.file.class': 'org.apache.kafka.common.config.provider.FileConfigProvider',
    }),
    { mode: 0o600 },
  )
  await startServer(run, {
    component: 'connect',
    program: programOf(run, 'java'),
    args: [
      ...javaOptions({ heapMiB: 512, log: true, steady: run.state.steady }),
      ...(await classArchiveOptions(run, 'connect')),
      '-cp',
      join(jars, 'kafka', '*'),
      'org.apache.kafka.connect.cli.ConnectDistributed',
      properties,
    ],
    cwd: home,
    timeoutMs: 240_000,
    // `/` answers before the worker has joined its group; `/connectors` only after.
    answers: () => httpAnswers(`${connectUrl(run)}/connectors`),
  })
}

/** Its state is in Kafka; what is here is the working directory, written anew by the next start. */
export async function destroyConnect(run: Run): Promise<void> {
  await rm(homeDirectory(run), { recursive: true, force: true })
}

export function connectUrl(run: Run): string {
  return `http://127.0.0.1:${run.state.ports.connect}`
}

function homeDirectory(run: Run): string {
  return join(run.directory, 'connect')
}
