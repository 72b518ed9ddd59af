import { z } from 'zod'
import type { ConnectConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { connectClient } from '../../clients/connect.ts'
import { passwordKeysOf } from './inventory.ts'
import { plainSecretKeys } from './secrets.ts'

/** A record of the topic of configurations, as bytes. */
export interface ConfigRecord {
  partition: number
  offset: bigint
  key: Buffer | null
  value: Buffer | null
}

/** A record that holds secrets of a connector in clear: which keys of its configuration, never a value. */
export interface ClearSecret {
  connector: string
  keys: string[]
  /** The record's key, e.g. `connector-shop` or `task-shop-0`. */
  record: string
  partition: number
  offset: bigint
}

/** A connector's configuration, or a task's, as KafkaConfigBackingStore writes it: JSON without schema. */
const recordSchema = z.object({ properties: z.record(z.string(), z.string().nullable()) })

/**
 * Secrets in clear in the records of the topic of configurations, in their order: also in configurations that were replaced since and of
 * connectors that are gone, as long as the topic has them. The workers are asked which keys of a class are passwords.
 */
export async function clearSecretsIn(records: AsyncIterable<ConfigRecord[]>, config: ConnectConfig, context: Context): Promise<ClearSecret[]> {
  const passwords = passwordKeysOf(connectClient(config, context.signal))
  const classes = new Map<string, string>()
  const found: ClearSecret[] = []
  for await (const some of records) {
    for (const { partition, offset, key, value } of some) {
      const record = key?.toString('utf8') ?? ''
      const connector = /^connector-(.+)$/s.exec(record)?.[1] ?? /^task-(.+)-\d+$/s.exec(record)?.[1]
      const properties = connector === undefined ? undefined : propertiesIn(value)
      if (connector === undefined || properties === undefined) continue
      // A task's configuration need not name the connector's class; it comes behind the connector's.
      const className = properties['connector.class'] ?? classes.get(connector) ?? ''
      classes.set(connector, className)
      const keys = plainSecretKeys(properties, await passwords(className))
      if (keys.length > 0) found.push({ connector, keys, record, partition, offset })
    }
  }
  return found
}

/** Undefined for a tombstone and for whatever no worker wrote. */
function propertiesIn(value: Buffer | null): Record<string, string> | undefined {
  if (value === null) return undefined
  try {
    const parsed = recordSchema.safeParse(JSON.parse(value.toString('utf8')))
    if (!parsed.success) return undefined
    return Object.fromEntries(Object.entries(parsed.data.properties).map(([key, text]) => [key, text ?? '']))
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return undefined
  }
}
