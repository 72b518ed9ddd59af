import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ConnectConfig, DatapipeConfig, KafkaConfig, RegistryConfig } from '../../base/config.ts'

/** A private directory with what the tools need to be let in; credentials go to them by these files, never by argv. */
export interface ClientFiles extends AsyncDisposable {
  readonly directory: string
  /** Java client properties, of Kafka's tools. */
  kafka(config: KafkaConfig): Promise<string>
  /**
   * Properties of Confluent's (de)serializers: `--formatter-config`, `--reader-config`. Not the URL: in such a file it loses against the
   * default that the tools' scripts put on the command line.
   */
  serializer(config: RegistryConfig): Promise<string>
  /** For `curl --config`: user and certificates, and the options given. */
  curl(config: RegistryConfig | ConnectConfig, options: readonly string[]): Promise<string>
}

export async function clientFiles(): Promise<ClientFiles> {
  const directory = await mkdtemp(join(tmpdir(), 'datapipe-tools-'))
  let written = 0
  const keep = async (name: string, text: string) => {
    const path = join(directory, `${++written}-${name}`)
    await writeFile(path, text, { mode: 0o600 })
    return path
  }
  return {
    directory,
    kafka: (config) => keep('client.properties', properties(kafkaProperties(config))),
    serializer: (config) => keep('registry.properties', properties(serializerProperties(config))),
    async curl(config, options) {
      const { tls } = config
      const paths = await Promise.all(
        [tls?.ca, tls?.cert, tls?.key].map((pem, index) =>
          pem === undefined ? undefined : keep(['ca.pem', 'cert.pem', 'key.pem'][index] ?? '', pem),
        ),
      )
      const named = ['cacert', 'cert', 'key'].flatMap((option, index) => (paths[index] === undefined ? [] : [`${option} = ${quoted(paths[index])}`]))
      const userInfo = userInfoOf(config)
      const user = userInfo === undefined ? [] : [`user = ${quoted(userInfo)}`]
      return await keep('curlrc', [...user, ...named, ...options, ''].join('\n'))
    },
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  }
}

/** `user:password` of a section, or of its URL. */
function userInfoOf({ url, username, password }: RegistryConfig | ConnectConfig): string | undefined {
  if (username !== undefined) return `${username}:${password ?? ''}`
  const parsed = new URL(url)
  return parsed.username === '' ? undefined : `${decodeURIComponent(parsed.username)}:${decodeURIComponent(parsed.password)}`
}

/** The URL without user and password: fit for argv. */
export function bareUrl(url: string): string {
  const parsed = new URL(url)
  parsed.username = ''
  parsed.password = ''
  return parsed.href.replace(/\/$/, '')
}

function kafkaProperties({ sasl, tls }: KafkaConfig): Record<string, string | undefined> {
  const module = sasl?.mechanism === 'PLAIN' ? 'plain.PlainLoginModule' : 'scram.ScramLoginModule'
  const jaas = sasl && `org.apache.kafka.common.security.${module} required username=${quoted(sasl.username)} password=${quoted(sasl.password)};`
  return {
    'security.protocol': `${sasl ? 'SASL_' : ''}${tls ? 'SSL' : 'PLAINTEXT'}`,
    'sasl.mechanism': sasl?.mechanism,
    'sasl.jaas.config': jaas,
    ...tlsProperties('', tls),
  }
}

function serializerProperties(config: RegistryConfig): Record<string, string | undefined> {
  const userInfo = userInfoOf(config)
  return {
    'basic.auth.credentials.source': userInfo === undefined ? undefined : 'USER_INFO',
    'basic.auth.user.info': userInfo,
    ...tlsProperties('schema.registry.', config.tls),
  }
}

function tlsProperties(prefix: string, tls: NonNullable<DatapipeConfig['kafka']>['tls']): Record<string, string | undefined> {
  return {
    [`${prefix}ssl.truststore.type`]: tls?.ca === undefined ? undefined : 'PEM',
    [`${prefix}ssl.truststore.certificates`]: tls?.ca,
    [`${prefix}ssl.keystore.type`]: tls?.cert === undefined ? undefined : 'PEM',
    [`${prefix}ssl.keystore.certificate.chain`]: tls?.cert,
    [`${prefix}ssl.keystore.key`]: tls?.key,
  }
}

/** Java's properties format; what is undefined is left out. */
function properties(values: Record<string, string | undefined>): string {
  const escaped = (text: string) => text.replace(/\\/g, '\\\\').replace(/\r?\n/g, '\\n').replace(/^ /, '\\ ')
  return Object.entries(values)
    .filter((entry): entry is [string, string] => entry[1] !== undefined)
    .map(([name, value]) => `${name}=${escaped(value)}\n`)
    .join('')
}

/** As JAAS and curl's configuration quote. */
const quoted = (text: string) => `"${text.replace(/[\\"]/g, '\\$&')}"`
