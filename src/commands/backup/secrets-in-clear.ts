import type { ConnectConfig } from '../../base/config.ts'
import { DatapipeError } from '../../base/errors.ts'
import { placeholderKeys } from '../../components/connect/secrets.ts'

export interface ClearSecretsOptions {
  /** Connectors as the inventory has them: what stood in clear is a placeholder. */
  connectors: readonly { name: string; config: Record<string, string> }[]
  /** Names of the topics that the backup takes. */
  topics: readonly string[]
  connect: ConnectConfig
}

/**
 * A connector's secret that stands in clear in its configuration stands so in the raw topic of configurations, and would go into the backup
 * with it. Throws `secret-in-clear` with every connector and key, unless datapipe.yaml accepts that (`connect.secretsInClear: keep`).
 */
export function refuseSecretsInClear({ connectors, topics, connect }: ClearSecretsOptions): void {
  if (connect.secretsInClear === 'keep' || !topics.includes(connect.configTopic)) return
  const found = connectors.flatMap(({ name, config }) => {
    const keys = placeholderKeys(config)
    return keys.length === 0 ? [] : [{ name, text: `${keys.join(', ')} of connector ${name}` }]
  })
  const [first] = found
  if (first === undefined) return
  throw new DatapipeError('secret-in-clear', `topic ${connect.configTopic} holds in clear: ${found.map(({ text }) => text).join('; ')}`, {
    path: `connect/${first.name}`,
    hint: `let the connector refer to it (\${file:…}, \${env:…}: a ConfigProvider), or add ${connect.configTopic} to kafka.topics.exclude, or accept it: connect.secretsInClear: keep`,
  })
}
