import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { kafkaConfigSchema } from '../../base/config.ts'
import { httpAnswers } from './http-answers.ts'
import { bootstrapServers } from './brokers.ts'
import { classArchiveOptions } from './class-archive.ts'
import { javaOptions, propertiesFile } from './java.ts'
import { createRegistryTopics } from './registry-topics.ts'
import { jarsOf, programOf, type Run, readSecret } from './run.ts'
import { kafkaClientSettings, kafkaSecurity, tlsFiles, trust } from './security.ts'
import { startServer } from './server-process.ts'

export const registryUser = 'admin'

/**
 * Starts Apicurio Registry with its data in Kafka (topic `kafkasql-journal`). It demands basic auth by itself: Quarkus's embedded users
 * are part of the application as published, no Keycloak is needed (`quarkus.http.auth.basic`, honoured at run time by Apicurio's own
 * authentication chain). A request without credentials is 401 with a JSON body, one with wrong credentials 401 with an empty body.
 */
export async function startRegistry(run: Run): Promise<void> {
  const home = homeDirectory(run)
  // The application reads config/application.properties of its working directory; the password stays off the command line.
  await mkdir(join(home, 'config'), { recursive: true, mode: 0o700 })
  const { registry, registryManagement } = run.state.ports
  const tls = tlsFiles(run)
  await writeFile(
    join(home, 'config', 'application.properties'),
    propertiesFile({
      'quarkus.http.host': '127.0.0.1',
      ...(tls === undefined
        ? { 'quarkus.http.port': registry }
        : {
            'quarkus.http.insecure-requests': 'disabled',
            'quarkus.http.ssl-port': registry,
            'quarkus.http.ssl.certificate.files': tls.certificate,
            'quarkus.http.ssl.certificate.key-files': tls.key,
          }),
      'quarkus.management.host': '127.0.0.1',
      'quarkus.management.port': registryManagement,
      'quarkus.http.auth.basic': true,
      'quarkus.security.users.embedded.plain-text': true,
      [`quarkus.security.users.embedded.users.${registryUser}`]: readSecret(run, 'registry'),
      [`quarkus.security.users.embedded.roles.${registryUser}`]: 'sr-admin',
      'apicurio.auth.role-based-authorization': true,
      'apicurio.storage.kind': 'kafkasql',
      'apicurio.kafkasql.bootstrap.servers': bootstrapServers(run).join(','),
      ...Object.fromEntries(Object.entries(kafkaClientSettings(run)).map(([key, value]) => [`apicurio.kafka.common.${key}`, value])),
      // At its start it polls until a poll of this length comes back empty, three times over: 5 s each by default.
      'apicurio.kafkasql.consumer.poll.timeout': 1000,
      'quarkus.http.access-log.enabled': false,
    }),
    { mode: 0o600 },
  )
  const brokers = { bootstrapServers: bootstrapServers(run), ...kafkaSecurity(run, 'text') }
  await createRegistryTopics(kafkaConfigSchema.parse(brokers), run.context)
  await startServer(run, {
    component: 'registry',
    program: programOf(run, 'java'),
    args: [
      ...javaOptions({ heapMiB: 384 }),
      ...(await classArchiveOptions(run, 'registry')),
      '-jar',
      join(jarsOf(run), 'registry', 'quarkus-run.jar'),
    ],
    cwd: home,
    timeoutMs: 240_000,
    answers: () =>
      httpAnswers(`${registryUrl(run)}/apis/ccompat/v7/subjects`, {
        username: registryUser,
        password: readSecret(run, 'registry'),
        ...trust(run, 'text'),
      }),
  })
}

/** Its data are in Kafka; what is here is the working directory, written anew by the next start. */
export async function destroyRegistry(run: Run): Promise<void> {
  await rm(homeDirectory(run), { recursive: true, force: true })
}

export function registryUrl(run: Run): string {
  return `${run.state.secure === true ? 'https' : 'http'}://127.0.0.1:${run.state.ports.registry}`
}

function homeDirectory(run: Run): string {
  return join(run.directory, 'registry')
}
