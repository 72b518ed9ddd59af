import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { DatapipeError } from '../../base/errors.ts'
import { type Broker, brokerName, brokersOf } from './brokers.ts'
import { classArchiveOptions, keepClassArchive } from './class-archive.ts'
import { javaOptions, propertiesFile } from './java.ts'
import { kafkaAnswers } from './kafka-answers.ts'
import { jarsOf, programOf, type Run, readSecret } from './run.ts'
import { kafkaUser, tlsFiles } from './security.ts'
import { readLog } from './server-log.ts'
import { recordedProcess, startServer } from './server-process.ts'

/** Starts every broker (KRaft, each also a controller) that does not run. Empty data directories are formatted under one new cluster id first. */
export async function startKafka(run: Run): Promise<void> {
  await mkdir(homeDirectory(run, 1), { recursive: true, mode: 0o700 })
  const clusterId = await clusterIdOf(run)
  const stopped = brokersOf(run).filter(({ id }) => recordedProcess(run.directory, brokerName(id)) === undefined)
  // Side by side: a controller serves only when most of them do. All are waited for, so that none still starts while the stack is torn down.
  const results = await Promise.allSettled(stopped.map((broker) => startBroker(run, broker, clusterId)))
  for (const result of results) if (result.status === 'rejected') throw result.reason
}

/** Starts one broker on the data that it has. */
export async function startBroker(run: Run, broker: Broker, clusterId?: string): Promise<void> {
  const home = homeDirectory(run, broker.id)
  const server = brokerName(broker.id)
  await mkdir(home, { recursive: true, mode: 0o700 })
  const properties = join(home, 'server.properties')
  await writeFile(properties, propertiesFile(brokerSettings(run, broker)), { mode: 0o600 })
  const java = programOf(run, 'java')
  const classPath = ['-cp', join(jarsOf(run), 'kafka', '*')]
  const first = { writes: broker.id === 1 }
  if (!existsSync(join(home, 'data', 'meta.properties'))) {
    const format = [
      ...javaOptions({ heapMiB: 128 }),
      ...(await classArchiveOptions(run, 'kafka-format', first)),
      ...classPath,
      'kafka.tools.StorageTool',
      'format',
      '-t',
      clusterId ?? (await clusterIdOf(run)),
      '-c',
      properties,
      ...(await scramArguments(run, home)),
    ]
    await promisify(execFile)(java, format, { cwd: home, signal: run.context.signal }).catch((cause: unknown) => {
      throw new DatapipeError('stack-failed', `${server} could not format its data directory`, { path: join(home, 'data'), cause })
    })
    if (first.writes) await keepClassArchive(run, 'kafka-format')
  }
  await startServer(run, {
    component: server,
    program: java,
    args: [
      ...javaOptions({ heapMiB: 768, log: true, steady: run.state.steady }),
      ...(await classArchiveOptions(run, 'kafka', first)),
      ...classPath,
      'kafka.Kafka',
      properties,
    ],
    cwd: home,
    timeoutMs: 120_000,
    answers: async (from) =>
      (await readLog(run.directory, server, from)).includes('Kafka Server started') &&
      kafkaAnswers('127.0.0.1', broker.port, { ca: tlsFiles(run)?.ca }),
  })
}

function brokerSettings(run: Run, { id, port, controllerPort, advertisedPort }: Broker): Record<string, string | number | boolean> {
  const brokers = brokersOf(run)
  const replicas = Math.min(3, brokers.length)
  return {
    'process.roles': 'broker,controller',
    'node.id': id,
    'controller.quorum.voters': brokers.map((each) => `${each.id}@127.0.0.1:${each.controllerPort}`).join(','),
    listeners: `CLIENT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `CLIENT://127.0.0.1:${advertisedPort}`,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'CLIENT',
    ...listenerSettings(run),
    'log.dirs': join(homeDirectory(run, id), 'data'),
    'auto.create.topics.enable': false,
    // One broker: internal topics cannot have the three replicas that they ask for by default.
    'offsets.topic.replication.factor': replicas,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': Math.min(2, replicas),
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': Math.min(2, replicas),
    'group.initial.rebalance.delay.ms': 0,
    ...run.state.kafkaSettings,
  }
}

const brokerUser = 'broker'

/**
 * Plain, or clients and the broker itself by SASL_SSL, the controller by TLS on both sides: it keeps the SCRAM users and so cannot
 * ask for one.
 */
function listenerSettings(run: Run): Record<string, string> {
  const tls = tlsFiles(run)
  if (tls === undefined) return { 'listener.security.protocol.map': 'CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT' }
  const login = 'org.apache.kafka.common.security.scram.ScramLoginModule'
  return {
    'listener.security.protocol.map': 'CLIENT:SASL_SSL,CONTROLLER:SSL',
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': tls.keyAndCertificate,
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': tls.ca,
    'listener.name.controller.ssl.client.auth': 'required',
    'sasl.enabled.mechanisms': 'SCRAM-SHA-512',
    'sasl.mechanism.inter.broker.protocol': 'SCRAM-SHA-512',
    // Changes nothing until somebody sets an ACL.
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'allow.everyone.if.no.acl.found': 'true',
    'listener.name.client.scram-sha-512.sasl.jaas.config': `${login} required username="${brokerUser}" password="${readSecret(run, 'kafka-broker')}";`,
  }
}

/** SCRAM users are born with the cluster: the broker needs its own to start. Read from a file, for arguments are everybody's to see. */
async function scramArguments(run: Run, home: string): Promise<string[]> {
  if (tlsFiles(run) === undefined) return []
  const user = (name: string, secret: 'kafka' | 'kafka-broker') => `SCRAM-SHA-512=[name=${name},password=${readSecret(run, secret)}]`
  const file = join(home, 'scram-users')
  await writeFile(file, `--add-scram\n${user(brokerUser, 'kafka-broker')}\n--add-scram\n${user(kafkaUser, 'kafka')}\n`, { mode: 0o600 })
  return [`@${file}`]
}

/** Deletes the data of every broker; the next start is another, empty cluster. */
export async function destroyKafka(run: Run): Promise<void> {
  await rm(clusterIdFile(run), { force: true })
  for (const { id } of brokersOf(run)) await rm(join(homeDirectory(run, id), 'data'), { recursive: true, force: true })
}

function homeDirectory(run: Run, id: number): string {
  return join(run.directory, brokerName(id))
}

function clusterIdFile(run: Run): string {
  return join(homeDirectory(run, 1), 'cluster-id')
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
