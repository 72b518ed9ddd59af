import { readFileSync } from 'node:fs'
import { chmod, mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { DatapipeError } from '../../base/errors.ts'
import { createAuthority } from '../certificates/authority.ts'
import { propertiesFile } from '../embedded/java.ts'
import { kafkaClientProperties } from '../kafka-client-properties.ts'
import { type Run, readSecret } from './run.ts'
import { javaUid, postgresUid, secretsMount, serverSecrets, sharedSecrets, writeOwned, writeReadable } from './run-directory.ts'
import type { Profile, ServerVersions } from './server-versions.ts'

/** Kafka's users: everybody, and the broker itself. */
const kafkaUser = 'datapipe'
const brokerUser = 'broker'

/** Where a server finds its own certificate and key, and nobody else's. */
export const privateMount = '/datapipe/private'

/** Who runs each server that shows a certificate. Connect speaks plain HTTP, as its image does. */
const certified = { kafka: javaUid, registry: javaUid, postgres: postgresUid } as const
type Certified = keyof typeof certified

/** Throws `usage` for a stack that cannot be started with TLS and passwords. */
export function assertSecurable(profile: Profile, { kafka }: Pick<ServerVersions, 'kafka'>): void {
  const refuse = (reason: string, hint: string) => new DatapipeError('usage', `no secure stack of containers: ${reason}`, { hint })
  // confluentinc/cp-kafka formats its storage by itself, and nothing in that can name users.
  if (profile === 'official') throw refuse("Kafka's published image makes no SCRAM users before its broker needs them", 'say --profile local')
  // KIP-900: `kafka-storage format --add-scram`, and SCRAM without ZooKeeper at all.
  const [major = 0, minor = 0] = kafka.split('.').map(Number)
  if (major < 3 || (major === 3 && minor < 5)) throw refuse(`Kafka ${kafka} has no SCRAM users of its own, they came with 3.5`, 'say --kafka 4.3.1')
}

/**
 * Makes the run's authority, whose key is not kept, and a certificate for each server: for its name in the network and for 127.0.0.1, by
 * which this machine reaches it. Its key is readable by the server's user alone. Connect and the engine get the authority's certificate and
 * `kafka-client.properties` for Kafka's own tools.
 */
export async function prepareSecurity(run: Run): Promise<void> {
  const authority = createAuthority('Datapipe stack CA')
  for (const [component, uid] of Object.entries(certified) as [Certified, number][]) {
    const directory = serverSecrets(run.directory, component)
    await mkdir(directory, { recursive: true })
    for (const each of [dirname(directory), directory]) await chmod(each, 0o755)
    const { certificate, key } = authority.issue({ hosts: [component, '127.0.0.1'] })
    await writeReadable(caIn(directory), authority.certificate)
    await writeReadable(join(directory, 'server.crt'), certificate)
    await writeOwned(join(directory, 'server.key'), key, uid)
    // Both in one file, as Kafka takes them.
    if (component === 'kafka') await writeOwned(join(directory, 'server.pem'), key + certificate, uid)
  }
  const user = (name: string, secret: 'kafka' | 'kafka-broker') => `--add-scram\nSCRAM-SHA-512=[name=${name},password=${readSecret(run, secret)}]\n`
  const users = user(brokerUser, 'kafka-broker') + user(kafkaUser, 'kafka')
  await writeOwned(join(serverSecrets(run.directory, 'kafka'), 'scram-users'), users, javaUid)
  const shared = sharedSecrets(run.directory)
  await writeReadable(caIn(shared), authority.certificate)
  await writeReadable(join(shared, 'kafka-client.properties'), propertiesFile(kafkaClientSettings(run, secretsMount)))
}

/** The authority's certificate in a directory that has it, on this machine or in a container. */
export function caIn(directory: string): string {
  return join(directory, 'ca.pem')
}

/** The authority's certificate as this machine sees it; undefined in a plain stack. */
export function trustedCa(run: Run): string | undefined {
  return run.state.secure ? caIn(sharedSecrets(run.directory)) : undefined
}

/** The mount of a server's certificate and key; none in a plain stack. */
export function privateMounts(run: Run, component: Certified): { source: string; target: string; mode: 'ro' }[] {
  return run.state.secure ? [{ source: serverSecrets(run.directory, component), target: privateMount, mode: 'ro' }] : []
}

/** What follows a PostgreSQL URL where this authority is to be trusted. */
export function sslMode(ca: string | undefined): string {
  return ca === undefined ? '' : `?sslmode=verify-full&sslrootcert=${encodeURIComponent(ca)}`
}

/** Properties of a Java client beside `bootstrap.servers`, in a container that has `ca.pem` under `mount`; none in a plain stack. */
export function kafkaClientSettings(run: Run, mount: string): Record<string, string> {
  return run.state.secure ? kafkaClientProperties({ ca: caIn(mount), username: kafkaUser, password: readSecret(run, 'kafka') }) : {}
}

/** `sasl` and `tls` of a configuration's `kafka` section: with the secrets in them for this machine, or as references for the engine's container. */
export function kafkaSecurity(run: Run, as: 'text' | 'reference'): object {
  if (!run.state.secure) return {}
  const password = as === 'text' ? readSecret(run, 'kafka') : `file:${secretsMount}/kafka`
  return { sasl: { mechanism: 'SCRAM-SHA-512', username: kafkaUser, password }, ...trust(run, as) }
}

/** `tls: {ca}` of a configuration's section; nothing in a plain stack. */
export function trust(run: Run, as: 'text' | 'reference'): { tls?: { ca: string } } {
  const ca = trustedCa(run)
  return ca === undefined ? {} : { tls: { ca: as === 'text' ? readFileSync(ca, 'utf8') : `file:${caIn(secretsMount)}` } }
}

/**
 * Environment of a secure broker, over what the library sets: both its listeners by SASL_SSL (the one for this machine keeps the library's
 * name for it, PLAINTEXT, whatever it speaks), the controller by TLS on both sides: it keeps the SCRAM users and so cannot ask for one.
 * Nothing in a plain stack.
 */
export function kafkaServerSettings(run: Run): Record<string, string> {
  if (!run.state.secure) return {}
  const login = 'org.apache.kafka.common.security.scram.ScramLoginModule required'
  return {
    KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'BROKER:SASL_SSL,PLAINTEXT:SASL_SSL,CONTROLLER:SSL',
    KAFKA_SSL_KEYSTORE_TYPE: 'PEM',
    KAFKA_SSL_KEYSTORE_LOCATION: `${privateMount}/server.pem`,
    KAFKA_SSL_TRUSTSTORE_TYPE: 'PEM',
    KAFKA_SSL_TRUSTSTORE_LOCATION: caIn(privateMount),
    KAFKA_LISTENER_NAME_CONTROLLER_SSL_CLIENT_AUTH: 'required',
    KAFKA_SASL_ENABLED_MECHANISMS: 'SCRAM-SHA-512',
    KAFKA_SASL_MECHANISM_INTER_BROKER_PROTOCOL: 'SCRAM-SHA-512',
    KAFKA_LISTENER_NAME_BROKER_SCRAM___SHA___512_SASL_JAAS_CONFIG: `${login} username="${brokerUser}" password="${readSecret(run, 'kafka-broker')}";`,
    KAFKA_LISTENER_NAME_PLAINTEXT_SCRAM___SHA___512_SASL_JAAS_CONFIG: `${login};`,
    SCRAM_USERS_FILE: `${privateMount}/scram-users`,
  }
}
