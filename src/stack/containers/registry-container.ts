import { kafkaConfigSchema } from '../../base/config.ts'
import { docker } from '../../image/docker.ts'
import { httpAnswers } from '../embedded/http-answers.ts'
import { propertiesFile } from '../embedded/java.ts'
import { createRegistryTopics } from '../embedded/registry-topics.ts'
import { labelsOf, nameOf, type Run, readSecret } from './run.ts'
import { kafkaClientSettings, kafkaSecurity, privateMount, privateMounts, trust } from './security.ts'
import { removeServer, startServer } from './server-container.ts'

export const registryUser = 'admin'

/** Inside the network. */
export function registryAddress({ state }: Pick<Run, 'state'>): string {
  return `${scheme({ state })}://registry:${registryPort({ state })}`
}

/** As this machine reaches it. */
export function registryUrl({ state }: Pick<Run, 'state'>): string {
  return `${scheme({ state })}://127.0.0.1:${state.ports.registry}`
}

function scheme({ state }: Pick<Run, 'state'>): string {
  return state.secure ? 'https' : 'http'
}

function registryPort({ state }: Pick<Run, 'state'>): number {
  if (state.registryKind === 'confluent') return 8081
  return state.secure ? 8443 : 8080
}

/** Starts the schema registry, its data in Kafka, behind basic auth; which one it is comes with the profile. */
export async function startRegistry(run: Run): Promise<void> {
  if (run.state.registryKind === 'apicurio') {
    const config = kafkaConfigSchema.parse({ bootstrapServers: [`127.0.0.1:${run.state.ports.kafka}`], ...kafkaSecurity(run, 'text') })
    await createRegistryTopics(config, run.context)
  }
  const { GenericContainer, Wait } = await import('testcontainers')
  const settings = run.state.registryKind === 'apicurio' ? apicurio(run) : confluent(run)
  const credentials = { username: registryUser, password: readSecret(run, 'registry') }
  const asked = Wait.forHttp(settings.path, registryPort(run)).withBasicCredentials(credentials.username, credentials.password)
  await startServer(run, {
    component: 'registry',
    start: (log) =>
      new GenericContainer(run.state.images.registry)
        .withName(nameOf(run, 'registry'))
        .withLabels(labelsOf(run))
        .withNetworkMode(nameOf(run, 'network'))
        .withNetworkAliases('registry')
        .withExposedPorts({ container: registryPort(run), host: run.state.ports.registry })
        .withEnvironment(settings.environment)
        .withCopyContentToContainer(settings.files)
        .withBindMounts(privateMounts(run, 'registry'))
        .withResourcesQuota({ memory: 0.75 })
        // The library trusts no authority of ours; whether the certificate is the right one is seen right after.
        .withWaitStrategy(run.state.secure ? asked.usingTls().allowInsecure() : asked)
        .withStartupTimeout(240_000)
        .withLogConsumer(log)
        .start(),
    answers: () => httpAnswers(`${registryUrl(run)}${settings.path}`, { ...credentials, ...trust(run, 'text') }),
    timeoutMs: 60_000,
  })
}

interface RegistrySettings {
  environment: Record<string, string>
  files: { content: string; target: string; mode: number }[]
  /** What it answers once it serves. */
  path: string
}

/** Apicurio's own contract: settings by environment, and those with the password as a file; see embedded/registry-server.ts for the reasons. */
function apicurio(run: Run): RegistrySettings {
  const settings = {
    'quarkus.http.auth.basic': true,
    'quarkus.security.users.embedded.plain-text': true,
    [`quarkus.security.users.embedded.users.${registryUser}`]: readSecret(run, 'registry'),
    [`quarkus.security.users.embedded.roles.${registryUser}`]: 'sr-admin',
    'apicurio.auth.role-based-authorization': true,
    'apicurio.kafkasql.consumer.poll.timeout': 1000,
    'quarkus.http.access-log.enabled': false,
    ...(run.state.secure
      ? {
          'quarkus.http.insecure-requests': 'disabled',
          'quarkus.http.ssl-port': registryPort(run),
          'quarkus.http.ssl.certificate.files': `${privateMount}/server.crt`,
          'quarkus.http.ssl.certificate.key-files': `${privateMount}/server.key`,
        }
      : { 'quarkus.http.port': registryPort(run) }),
    ...Object.fromEntries(Object.entries(kafkaClientSettings(run, privateMount)).map(([key, value]) => [`apicurio.kafka.common.${key}`, value])),
  }
  return {
    environment: { APICURIO_STORAGE_KIND: 'kafkasql', APICURIO_KAFKASQL_BOOTSTRAP_SERVERS: 'kafka:9092' },
    files: [{ content: propertiesFile(settings), target: '/deployments/config/application.properties', mode: 0o644 }],
    path: '/apis/ccompat/v7/subjects',
  }
}

/** The contract of confluentinc/cp-schema-registry: SCHEMA_REGISTRY_* as settings, users in Jetty's file. */
function confluent(run: Run): RegistrySettings {
  const jaas = 'registry {\n  org.eclipse.jetty.jaas.spi.PropertyFileLoginModule required file="/tmp/registry-users";\n};\n'
  return {
    environment: {
      SCHEMA_REGISTRY_HOST_NAME: 'registry',
      SCHEMA_REGISTRY_LISTENERS: 'http://0.0.0.0:8081',
      SCHEMA_REGISTRY_KAFKASTORE_BOOTSTRAP_SERVERS: 'PLAINTEXT://kafka:9092',
      SCHEMA_REGISTRY_KAFKASTORE_TOPIC_REPLICATION_FACTOR: '1',
      // Without it no schema comes back under its own id.
      SCHEMA_REGISTRY_MODE_MUTABILITY: 'true',
      SCHEMA_REGISTRY_AUTHENTICATION_METHOD: 'BASIC',
      SCHEMA_REGISTRY_AUTHENTICATION_ROLES: 'admin',
      SCHEMA_REGISTRY_AUTHENTICATION_REALM: 'registry',
      SCHEMA_REGISTRY_OPTS: '-Djava.security.auth.login.config=/tmp/registry-jaas.conf',
      SCHEMA_REGISTRY_HEAP_OPTS: '-Xmx384m -Xms64m',
    },
    files: [
      { content: jaas, target: '/tmp/registry-jaas.conf', mode: 0o644 },
      { content: `${registryUser}: ${readSecret(run, 'registry')},admin\n`, target: '/tmp/registry-users', mode: 0o644 },
    ],
    path: '/subjects',
  }
}

export async function stopRegistry(run: Run): Promise<void> {
  await docker(['stop', '--time', '60', nameOf(run, 'registry')])
  await removeServer(run, 'registry')
}
