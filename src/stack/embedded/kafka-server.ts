import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { DatapipeError } from '../../base/errors.ts'
import { classArchiveOptions, keepClassArchive } from './class-archive.ts'
import { javaOptions, propertiesFile } from './java.ts'
import { kafkaAnswers } from './kafka-answers.ts'
import { jarsOf, programOf, type Run, readSecret } from './run.ts'
import { kafkaUser, tlsFiles } from './security.ts'
import { readLog } from './server-log.ts'
import { startServer } from './server-process.ts'

/** Starts the broker (KRaft, one node, broker and controller in one process); formats an empty data directory under a new cluster id first. */
export async function startKafka(run: Run): Promise<void> {
  const home = join(run.directory, 'kafka')
  await mkdir(home, { recursive: true, mode: 0o700 })
  const properties = join(home, 'server.properties')
  const { kafka, kafkaController } = run.state.ports
  await writeFile(
    properties,
    propertiesFile({
      'process.roles': 'broker,controller',
      'node.id': 1,
      'controller.quorum.voters': `1@127.0.0.1:${kafkaController}`,
      listeners: `CLIENT://127.0.0.1:${kafka},CONTROLLER://127.0.0.1:${kafkaController}`,
      'advertised.listeners': `CLIENT://127.0.0.1:${kafka}`,
      'controller.listener.names': 'CONTROLLER',
      'inter.broker.listener.name': 'CLIENT',
      ...listenerSettings(run),
      'log.dirs': dataDirectory(run),
      'auto.create.topics.enable': false,
      // One broker: internal topics cannot have the three replicas that they ask for by default.
      'offsets.topic.replication.factor': 1,
      'transaction.state.log.replication.factor': 1,
      'transaction.state.log.min.isr': 1,
      'share.coordinator.state.topic.replication.factor': 1,
      'share.coordinator.state.topic.min.isr': 1,
      'group.initial.rebalance.delay.ms': 0,
    }),
    { mode: 0o600 },
  )
  const java = programOf(run, 'java')
  const classPath = ['-cp', join(jarsOf(run), 'kafka', '*')]
  if (!existsSync(join(dataDirectory(run), 'meta.properties'))) {
    const format = [
      ...javaOptions({ heapMiB: 128 }),
      ...(await classArchiveOptions(run, 'kafka-format')),
      ...classPath,
      'kafka.tools.StorageTool',
      'format',
      '-t',
      newClusterId(),
      '-c',
      properties,
      ...(await scramArguments(run, home)),
    ]
    await promisify(execFile)(java, format, { cwd: home, signal: run.context.signal }).catch((cause: unknown) => {
      throw new DatapipeError('stack-failed', 'kafka could not format its data directory', { path: dataDirectory(run), cause })
    })
    await keepClassArchive(run, 'kafka-format')
  }
  await startServer(run, {
    component: 'kafka',
    program: java,
    args: [
      ...javaOptions({ heapMiB: 768, log: true, steady: run.state.steady }),
      ...(await classArchiveOptions(run, 'kafka')),
      ...classPath,
      'kafka.Kafka',
      properties,
    ],
    cwd: home,
    timeoutMs: 120_000,
    answers: async (from) =>
      (await readLog(run.directory, 'kafka', from)).includes('Kafka Server started') && kafkaAnswers('127.0.0.1', kafka, { ca: tlsFiles(run)?.ca }),
  })
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

export async function destroyKafka(run: Run): Promise<void> {
  await rm(dataDirectory(run), { recursive: true, force: true })
}

function dataDirectory(run: Run): string {
  return join(run.directory, 'kafka', 'data')
}

/** 16 bytes in base64url, as `kafka-storage random-uuid` makes them: never with a leading dash, which would read as an option. */
function newClusterId(): string {
  for (;;) {
    const id = randomBytes(16).toString('base64url')
    if (!id.startsWith('-')) return id
  }
}
