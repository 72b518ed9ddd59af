import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import { configSchema, type DatapipeConfig } from '../../base/config.ts'
import type { ComponentName } from '../../base/events.ts'
import { bootstrapServers } from './brokers.ts'
import { connectUrl } from './connect-server.ts'
import { archiveDirectory, postgresDataDirectory, postgresUser } from './postgres-server.ts'
import { registryUrl, registryUser } from './registry-server.ts'
import { programOf, type Run, readSecret, secretFile } from './run.ts'
import { kafkaSecurity, tlsFiles, trust } from './security.ts'

const main = fileURLToPath(new URL('../../cli/main.ts', import.meta.url))

/** Datapipe's configuration for the run's servers, with the secrets in it: for use inside the process. */
export function stackConfig(run: Run, repositoryUrl: string): DatapipeConfig {
  return configSchema.parse(sections(run, repositoryUrl, 'text'))
}

/** The same as the text of a `datapipe.yaml`, with references to the files that hold the secrets. */
export function stackConfigText(run: Run, repositoryUrl: string): string {
  return stringify(sections(run, repositoryUrl, 'reference'), { lineWidth: 0 })
}

function sections(run: Run, repositoryUrl: string, as: 'text' | 'reference'): object {
  const secrets =
    as === 'text'
      ? { postgres: readSecret(run, 'postgres'), registry: readSecret(run, 'registry') }
      : { postgres: `\${file:${secretFile(run, 'postgres')}}`, registry: `file:${secretFile(run, 'registry')}` }
  const { ports, components } = run.state
  const tls = tlsFiles(run)
  const startCommand = (component: ComponentName) =>
    [process.execPath, main, 'stack', 'start', component, '--directory', run.directory].map(shellWord).join(' ')
  const all: Record<ComponentName, () => object> = {
    postgres: () => ({
      url: `postgres://${postgresUser}:${secrets.postgres}@127.0.0.1:${ports.postgres}/postgres${tls === undefined ? '' : `?sslmode=verify-full&sslrootcert=${encodeURIComponent(tls.ca)}`}`,
      dataDirectory: postgresDataDirectory(run.directory),
      binDirectory: programOf(run, 'postgresBin'),
      archive: { mode: 'directory', path: archiveDirectory(run.directory) },
      startCommand: startCommand('postgres'),
    }),
    kafka: () => ({ bootstrapServers: bootstrapServers(run), ...kafkaSecurity(run, as) }),
    registry: () => ({
      url: registryUrl(run),
      username: registryUser,
      password: secrets.registry,
      ...trust(run, as),
      startCommand: startCommand('registry'),
    }),
    connect: () => ({ url: connectUrl(run), startCommand: startCommand('connect') }),
  }
  return { repository: { url: repositoryUrl }, ...Object.fromEntries(components.map((component) => [component, all[component]()])) }
}

function shellWord(text: string): string {
  return /^[\w./:=@-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
