import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatapipeError } from '../../base/errors.ts'
import { propertiesFile } from './java.ts'
import { type Run, readSecret } from './run.ts'

function secretsFile(run: Run): string {
  return join(run.directory, 'secrets', 'connect.properties')
}

/** What a connector configuration says instead of a secret; Connect's FileConfigProvider replaces it when the connector starts. */
export function connectorSecretReference(run: Run, key: string): string {
  return `\${file:${secretsFile(run)}:${key}}`
}

/** Writes the passwords of PostgreSQL (`postgres.password`) and the registry (`registry.password`) for connectors to refer to. */
export async function writeConnectorSecrets(run: Run): Promise<void> {
  const secrets = { 'postgres.password': readSecret(run, 'postgres'), 'registry.password': readSecret(run, 'registry') }
  await writeFile(secretsFile(run), propertiesFile(secrets), { mode: 0o600 })
}

/** Adds a secret and returns its reference. Key: letters, digits, dots, dashes; value: one line. */
export async function addConnectorSecret(run: Run, key: string, value: string): Promise<string> {
  if (!/^[\w.-]+$/.test(key) || /[\r\n]/.test(value))
    throw new DatapipeError('usage', `not a key and a one-line value for a connector secret: ${key}`)
  const kept = (await readFile(secretsFile(run), 'utf8')).split('\n').filter((line) => line !== '' && !line.startsWith(`${key}=`))
  await writeFile(secretsFile(run), `${kept.map((line) => `${line}\n`).join('')}${propertiesFile({ [key]: value })}`, { mode: 0o600 })
  return connectorSecretReference(run, key)
}
