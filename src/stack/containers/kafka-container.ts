import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { docker } from '../../image/docker.ts'
import { kafkaAnswers } from '../embedded/kafka-answers.ts'
import { logSize, readLog } from '../embedded/server-log.ts'
import { labelsOf, nameOf, type Run } from './run.ts'
import { kafkaServerSettings, privateMounts, trustedCa } from './security.ts'
import { removeServer, startServer } from './server-container.ts'

/** The listener for this machine; 9092 is the one inside the network. */
const hostListener = 9093

/** Starts the broker (KRaft, one node); its data are in a volume, under a new cluster id when that is new. */
export async function startKafka(run: Run): Promise<void> {
  const volume = nameOf(run, 'kafka')
  await docker(['volume', 'create', ...Object.entries(labelsOf(run)).flatMap(([key, value]) => ['--label', `${key}=${value}`]), volume])
  const clusterId = await clusterIdOf(run)
  const [{ KafkaContainer }, { Wait }] = await Promise.all([import('@testcontainers/kafka'), import('testcontainers')])

  /** The library fixes a cluster id for all, and a port of the engine's choice at each start: a restored broker is another one at the same place. */
  class Broker extends KafkaContainer {
    protected override async beforeContainerCreated(): Promise<void> {
      await super.beforeContainerCreated()
      this.withExposedPorts({ container: hostListener, host: run.state.ports.kafka })
      // Afterwards: what the library sets itself cannot be set before.
      Object.assign(this.environment, kafkaServerSettings(run), { CLUSTER_ID: clusterId })
      this.createOpts.Env = Object.entries(this.environment).map(([key, value]) => `${key}=${value}`)
    }
  }

  const from = await logSize(run.directory, 'kafka')
  await startServer(run, {
    component: 'kafka',
    start: (log) =>
      new Broker(run.state.images.kafka)
        .withKraft()
        .withName(nameOf(run, 'kafka'))
        .withLabels(labelsOf(run))
        .withNetworkMode(nameOf(run, 'network'))
        .withNetworkAliases('kafka')
        .withHostname('kafka')
        .withEnvironment({
          KAFKA_HEAP_OPTS: '-Xmx768m -Xms64m',
          KAFKA_AUTO_CREATE_TOPICS_ENABLE: 'false',
          // One broker: internal topics cannot have the three replicas that they ask for by default.
          KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: '1',
          KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR: '1',
          KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR: '1',
        })
        .withBindMounts([{ source: volume, target: '/var/lib/kafka/data', mode: 'rw' }, ...privateMounts(run, 'kafka')])
        .withResourcesQuota({ memory: 1.25 })
        .withWaitStrategy(Wait.forLogMessage(/Kafka Server started/))
        .withStartupTimeout(300_000)
        .withLogConsumer(log)
        .start(),
    answers: async () =>
      (await readLog(run.directory, 'kafka', from)).includes('Kafka Server started') &&
      kafkaAnswers('127.0.0.1', run.state.ports.kafka, { ca: trustedCa(run) }),
    timeoutMs: 120_000,
  })
}

/** The library's shell is the container's first process and passes no signal on: the broker itself gets it. */
export async function stopKafka(run: Run): Promise<void> {
  const name = nameOf(run, 'kafka')
  await docker(['exec', name, 'sh', '-c', 'kill -TERM $(grep -lz "[.]Kafka$" /proc/[0-9]*/cmdline | cut -d/ -f3)'])
  const ended = docker(['wait', name])
  const late = setTimeout(() => void docker(['kill', name]), 90_000)
  await ended.finally(() => clearTimeout(late))
  await removeServer(run, 'kafka')
}

export async function destroyKafka(run: Run): Promise<void> {
  await docker(['volume', 'rm', '--force', nameOf(run, 'kafka')])
  await rm(clusterIdFile(run), { force: true })
}

function clusterIdFile(run: Run): string {
  return join(run.directory, 'kafka-cluster-id')
}

/** 16 bytes in base64url, as `kafka-storage random-uuid` makes them: never with a leading dash, which would read as an option. */
async function clusterIdOf(run: Run): Promise<string> {
  const file = clusterIdFile(run)
  if (existsSync(file)) return readFileSync(file, 'utf8').trim()
  let id = randomBytes(16).toString('base64url')
  while (id.startsWith('-')) id = randomBytes(16).toString('base64url')
  await writeFile(file, `${id}\n`)
  return id
}
