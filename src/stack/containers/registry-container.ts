import { kafkaConfigSchema } from '../../base/config.ts'
import { docker } from '../../image/docker.ts'
import { httpAnswers } from '../embedded/http-answers.ts'
import { propertiesFile } from '../embedded/java.ts'
import { createRegistryTopics } from '../embedded/registry-topics.ts'
import { labelsOf, nameOf, type Run, readSecret } from './run.ts'
import { removeServer, startServer } from './server-container.ts'

export const registryUser = 'admin'

/** Inside the network. */
export function registryAddress({ state }: Pick<Run, 'state'>): string {
  return `http://registry:${registryPort({ state })}`
}

function registryPort({ state }: Pick<Run, 'state'>): number {
  return state.registryKind === 'apicurio' ? 8080 : 8081
}

/** Starts the schema registry, its data in Kafka, behind basic auth; which one it is comes with the profile. */
export async function startRegistry(run: Run): Promise<void> {
  if (run.state.registryKind === 'apicurio') {
    const config = kafkaConfigSchema.parse({ bootstrapServers: [`127.0.0.1:${run.state.ports.kafka}`] })
    await createRegistryTopics(config, run.context)
  }
  const { GenericContainer, Wait } = await import('testcontainers')
  const settings = run.state.registryKind === 'apicurio' ? apicurio(run) : confluent(run)
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
        .withResourcesQuota({ memory: 0.75 })
        .withWaitStrategy(Wait.forHttp(settings.path, registryPort(run)).withBasicCredentials(registryUser, readSecret(run, 'registry')))
        .withStartupTimeout(240_000)
        .withLogConsumer(log)
        .start(),
    answers: () =>
      httpAnswers(`http://127.0.0.1:${run.state.ports.registry}${settings.path}`, { username: registryUser, password: readSecret(run, 'registry') }),
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
  const users = {
    'quarkus.http.auth.basic': true,
    'quarkus.security.users.embedded.plain-text': true,
    [`quarkus.security.users.embedded.users.${registryUser}`]: readSecret(run, 'registry'),
    [`quarkus.security.users.embedded.roles.${registryUser}`]: 'sr-admin',
    'apicurio.auth.role-based-authorization': true,
    'apicurio.kafkasql.consumer.poll.timeout': 1000,
    'quarkus.http.access-log.enabled': false,
  }
  return {
    environment: { APICURIO_STORAGE_KIND: 'kafkasql', APICURIO_KAFKASQL_BOOTSTRAP_SERVERS: 'kafka:9092', QUARKUS_HTTP_PORT: '8080' },
    files: [{ content: propertiesFile(users), target: '/deployments/config/application.properties', mode: 0o644 }],
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
