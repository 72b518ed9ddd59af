import { readFile } from 'node:fs/promises'
import { DatapipeError } from '../../base/errors.ts'
import type { ConnectorConfig } from '../../clients/connect.ts'

/**
 * Secrets of connector configurations. A backup never holds one in clear:
 * - a reference of the worker's own (`${file:…}`, `${env:…}`, any `${provider:…}`) stays as it is;
 * - any other value of a key that its plugin declares as PASSWORD, or whose name says so, becomes the placeholder
 *   `${datapipe-secret:CONNECTOR/KEY}`, and has to be supplied at the restore: as environment variable
 *   `DATAPIPE_SECRET_CONNECTOR_KEY` (upper case, everything else than letters and digits as `_`), or in a JSON file
 *   `{"CONNECTOR": {"KEY": "value"}}`.
 * The raw `connect-configs` topic holds the same values in clear; `clearSecretsIn` finds them.
 */
const reference = /\$\{[^}:]+:[^}]*\}/
const placeholder = /^\$\{datapipe-secret:(.+)\}$/s
const secretName =
  /password|passphrase|secret|credential|(^|[._-])token($|[._-])|(api|access|private|account|shared|encryption)[._-]?key|keystore[._-]key|user[._-]info$/i

/** Keys whose values are secrets in clear. `passwordKeys`: what the plugin declares as PASSWORD. */
export function plainSecretKeys(config: ConnectorConfig, passwordKeys: ReadonlySet<string>): string[] {
  return Object.entries(config)
    .filter(([key, value]) => value !== '' && !reference.test(value) && !/^(true|false)$/i.test(value) && isSecret(key, value, passwordKeys))
    .map(([key]) => key)
    .sort()
}

function isSecret(key: string, value: string, passwordKeys: ReadonlySet<string>): boolean {
  if (passwordKeys.has(key) || secretName.test(key)) return true
  // A URL with a password in it, and JAAS lines.
  return /:\/\/[^/\s:@]*:[^/\s@]+@/.test(value) || (/jaas\.config$/.test(key) && /password\s*=/i.test(value))
}

/** The configuration with placeholders in place of the named secrets. */
export function withPlaceholders(connector: string, config: ConnectorConfig, keys: readonly string[]): ConnectorConfig {
  return { ...config, ...Object.fromEntries(keys.map((key) => [key, `\${datapipe-secret:${connector}/${key}}`])) }
}

/** Keys of a stored configuration that hold a placeholder. */
export function placeholderKeys(config: ConnectorConfig): string[] {
  return Object.entries(config)
    .filter(([, value]) => placeholder.test(value))
    .map(([key]) => key)
    .sort()
}

export function secretVariable(connector: string, key: string): string {
  return `DATAPIPE_SECRET_${`${connector}_${key}`.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}`
}

export interface SecretSources {
  env: Record<string, string | undefined>
  /** Path of a JSON file `{"CONNECTOR": {"KEY": "value"}}`; it comes before the environment. */
  secretsFile?: string | undefined
}

/**
 * Puts the secrets back in. Throws `config-invalid` with every one that is missing, and where it may be given: all of them, not the first.
 */
export async function resolveSecrets(
  connectors: readonly { name: string; config: ConnectorConfig }[],
  sources: SecretSources,
): Promise<Map<string, ConnectorConfig>> {
  const file = sources.secretsFile === undefined ? {} : await readSecretsFile(sources.secretsFile)
  const missing: string[] = []
  const resolved = new Map<string, ConnectorConfig>()
  for (const { name, config } of connectors) {
    const values: ConnectorConfig = {}
    for (const key of placeholderKeys(config)) {
      const value = file[name]?.[key] ?? sources.env[secretVariable(name, key)]
      if (value === undefined) missing.push(`${name}/${key} (${secretVariable(name, key)})`)
      else values[key] = value
    }
    resolved.set(name, { ...config, ...values })
  }
  if (missing.length > 0) {
    throw new DatapipeError(
      'config-invalid',
      `${missing.length} secret${missing.length === 1 ? '' : 's'} of connectors must be supplied: ${missing.join(', ')}`,
      {
        hint: 'set the environment variables in brackets, or name a secrets file: {"CONNECTOR": {"KEY": "value"}}',
      },
    )
  }
  return resolved
}

async function readSecretsFile(path: string): Promise<Record<string, Record<string, string>>> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    throw new DatapipeError('config-invalid', `the secrets file cannot be read: ${path}`, { path, cause })
  }
  try {
    return JSON.parse(text) as Record<string, Record<string, string>>
  } catch {
    // The parser's message would quote the file.
    throw new DatapipeError('config-invalid', 'the secrets file is not JSON', { path })
  }
}
