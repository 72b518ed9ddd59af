import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type CertificateFiles, certificateFiles, writeCertificates } from '../certificates/write-certificates.ts'
import { kafkaClientProperties } from '../kafka-client-properties.ts'
import { propertiesFile } from './java.ts'
import { type Run, readSecret, secretFile } from './run.ts'

/** Kafka's user for everything that is not the broker itself. */
export const kafkaUser = 'datapipe'

/** The certificates of a secure stack; undefined in a plain one. The servers are 127.0.0.1 to each other and to everybody: any other name is a mismatch. */
export function tlsFiles(run: Run): CertificateFiles | undefined {
  return run.state.secure === true ? certificateFiles(join(run.directory, 'certificates')) : undefined
}

/** Writes the run's certificates, and `secrets/kafka-client.properties` for Kafka's own tools. No-op in a plain stack. */
export async function prepareSecurity(run: Run): Promise<void> {
  if (run.state.secure !== true) return
  await writeCertificates(join(run.directory, 'certificates'), ['127.0.0.1'])
  await writeFile(clientPropertiesFile(run), propertiesFile(kafkaClientSettings(run)), { mode: 0o600 })
}

export function clientPropertiesFile(run: Run): string {
  return join(run.directory, 'secrets', 'kafka-client.properties')
}

/** Properties of a Java client of this run's Kafka beside `bootstrap.servers`; none in a plain stack. */
export function kafkaClientSettings(run: Run): Record<string, string> {
  const tls = tlsFiles(run)
  return tls === undefined ? {} : kafkaClientProperties({ ca: tls.ca, username: kafkaUser, password: readSecret(run, 'kafka') })
}

/** `sasl` and `tls` of a configuration's `kafka` section: with the secrets in them, or as references to their files. Nothing in a plain stack. */
export function kafkaSecurity(run: Run, as: 'text' | 'reference'): object {
  const tls = tlsFiles(run)
  if (tls === undefined) return {}
  const password = as === 'text' ? readSecret(run, 'kafka') : `file:${secretFile(run, 'kafka')}`
  return { sasl: { mechanism: 'SCRAM-SHA-512', username: kafkaUser, password }, ...trust(run, as) }
}

/** `tls: {ca}` of a configuration's section; nothing in a plain stack. */
export function trust(run: Run, as: 'text' | 'reference'): { tls?: { ca: string } } {
  const tls = tlsFiles(run)
  return tls === undefined ? {} : { tls: { ca: as === 'text' ? readFileSync(tls.ca, 'utf8') : `file:${tls.ca}` } }
}
