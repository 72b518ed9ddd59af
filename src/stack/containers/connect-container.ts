import { docker } from '../../image/docker.ts'
import { httpAnswers } from '../embedded/http-answers.ts'
import { registryAddress, registryUser } from './registry-container.ts'
import { labelsOf, nameOf, type Run } from './run.ts'
import { secretsMount, sharedSecrets } from './run-directory.ts'
import { caIn, kafkaClientSettings } from './security.ts'
import { removeServer, startServer } from './server-container.ts'

/** Starts a Connect worker in distributed mode; its state is in Kafka. The contract is that of quay.io/debezium/connect. */
export async function startConnect(run: Run): Promise<void> {
  const { GenericContainer, Wait } = await import('testcontainers')
  await startServer(run, {
    component: 'connect',
    start: (log) =>
      new GenericContainer(run.state.images.connect)
        .withName(nameOf(run, 'connect'))
        .withLabels(labelsOf(run))
        .withNetworkMode(nameOf(run, 'network'))
        .withNetworkAliases('connect')
        .withExposedPorts({ container: 8083, host: run.state.ports.connect })
        .withEnvironment({
          BOOTSTRAP_SERVERS: 'kafka:9092',
          GROUP_ID: 'datapipe-connect',
          CONFIG_STORAGE_TOPIC: 'connect-configs',
          OFFSET_STORAGE_TOPIC: 'connect-offsets',
          STATUS_STORAGE_TOPIC: 'connect-status',
          OFFSET_FLUSH_INTERVAL_MS: '1000',
          // Five seconds by default: a busy machine takes longer, and a task that is cut short does not commit its last offsets: its events come twice.
          CONNECT_TASK_SHUTDOWN_GRACEFUL_TIMEOUT_MS: '60000',
          ADVERTISED_HOST_NAME: 'connect',
          CONNECT_CONFIG_STORAGE_REPLICATION_FACTOR: '1',
          CONNECT_OFFSET_STORAGE_REPLICATION_FACTOR: '1',
          CONNECT_STATUS_STORAGE_REPLICATION_FACTOR: '1',
          // Connector configurations name secrets as ${file:PATH:KEY}, so that neither topics nor backups hold them.
          CONNECT_CONFIG_PROVIDERS: 'file',
          CONNECT_CONFIG_PROVIDERS_FILE_CLASS: 'org.apache.kafka.common.config.provider.FileConfigProvider',
          ...kafkaSettings(run),
          HEAP_OPTS: '-Xmx512m -Xms64m',
          ...(run.state.profile === 'local' ? { CONNECT_PLUGIN_DISCOVERY: 'service_load' } : {}),
        })
        .withBindMounts([{ source: sharedSecrets(run.directory), target: secretsMount, mode: 'ro' }])
        .withResourcesQuota({ memory: 1.25 })
        // `/` answers before the worker has joined its group; `/connectors` only after.
        .withWaitStrategy(Wait.forHttp('/connectors', 8083))
        .withStartupTimeout(240_000)
        .withLogConsumer(log)
        .start(),
    answers: () => httpAnswers(`http://127.0.0.1:${run.state.ports.connect}/connectors`),
    timeoutMs: 60_000,
  })
}

/** The worker's own connections, and those of its connectors' tasks: each reads its own prefix. */
function kafkaSettings(run: Run): Record<string, string> {
  const settings = Object.entries(kafkaClientSettings(run, secretsMount))
  const name = (key: string) => `CONNECT_${key.toUpperCase().replaceAll('.', '_')}`
  return Object.fromEntries(settings.flatMap(([key, value]) => ['', 'producer.', 'consumer.', 'admin.'].map((prefix) => [name(prefix + key), value])))
}

export async function stopConnect(run: Run): Promise<void> {
  await docker(['stop', '--time', '60', nameOf(run, 'connect')])
  await removeServer(run, 'connect')
}

/** What a connector configuration says instead of a secret. */
export function connectorSecretReference(key: string): string {
  return `\${file:${secretsMount}/connect.properties:${key}}`
}

/** Settings of the Avro converter, key and value, in Confluent's wire format. */
export function converterConfig(run: Run): Record<string, string> {
  const { converter, settings } = run.state.registryKind === 'apicurio' ? apicurioConverter(run) : confluentConverter(run)
  const both = ['key.converter', 'value.converter'].flatMap((name) => [
    [name, converter],
    ...Object.entries(settings).map(([key, value]) => [`${name}.${key}`, value]),
  ])
  return Object.fromEntries(both)
}

interface Converter {
  converter: string
  settings: Record<string, string>
}

function apicurioConverter(run: Run): Converter {
  return {
    converter: 'io.apicurio.registry.utils.converter.AvroConverter',
    settings: {
      'apicurio.registry.url': `${registryAddress(run)}/apis/registry/v2`,
      'apicurio.auth.username': registryUser,
      'apicurio.auth.password': connectorSecretReference('registry.password'),
      ...(run.state.secure ? { 'apicurio.rest.request.ssl.ca-bundle.location': caIn(secretsMount) } : {}),
      'apicurio.registry.auto-register': 'true',
      'apicurio.registry.find-latest': 'true',
      // Magic byte 0 and a 4-byte id before the datum, instead of ids in record headers.
      'apicurio.registry.headers.enabled': 'false',
      'apicurio.registry.enable-confluent-id-handler': 'true',
      'apicurio.registry.id-handler': 'io.apicurio.registry.serde.Legacy4ByteIdHandler',
      'apicurio.registry.use-id': 'contentId',
    },
  }
}

function confluentConverter(run: Run): Converter {
  return {
    converter: 'io.confluent.connect.avro.AvroConverter',
    settings: {
      'schema.registry.url': registryAddress(run),
      'basic.auth.credentials.source': 'USER_INFO',
      'basic.auth.user.info': `${registryUser}:${connectorSecretReference('registry.password')}`,
    },
  }
}
