import { type Context, inPhase } from '../base/context.ts'
import type { DatapipeConfig } from '../base/config.ts'
import { DatapipeError } from '../base/errors.ts'
import type { Stack } from '../stack/stack.ts'
import type { HttpServer } from './observers/http-json.ts'
import { type Pipeline, sendCanary } from './workloads/canary.ts'
import { connectorConfig, registerConnector } from './workloads/connector.ts'
import { fillKafka } from './workloads/fill-kafka.ts'
import { alterPostgres, capturedTables, changePostgres, fillPostgres } from './workloads/fill-postgres.ts'
import { fillRegistry } from './workloads/fill-registry.ts'
import { loadSql } from './workloads/load-sql.ts'

/** The four servers as the drill's own clients reach them. */
export interface DrillPipeline extends Pipeline {
  connect: HttpServer
}

export interface PrepareOptions {
  stack: Stack
  pipeline: DrillPipeline
  rows: number
  sqlFiles: string[]
  binDirectory: string | undefined
  context: Context
}

/** Servers as plain addresses. Throws `internal` for a stack that lacks one: a drill needs all four. */
export function pipelineOf({ postgres, kafka, registry, connect }: DatapipeConfig): DrillPipeline {
  if (!postgres || !kafka || !registry || !connect) throw new DatapipeError('internal', 'the stack lacks a server')
  return {
    postgresUrl: postgres.url,
    kafka: { bootstrapServers: kafka.bootstrapServers, sasl: kafka.sasl, tls: kafka.tls },
    registry: { url: registry.url, username: registry.username, password: registry.password, tls: registry.tls },
    connect: { url: connect.url, username: connect.username, password: connect.password, tls: connect.tls },
  }
}

/**
 * Fills the pipeline with what real ones hold, and waits until every change has been captured. Returns the captured tables. Order: rows that the
 * connector's snapshot finds, the user's dumps, schemas, the connector, changes that it streams, a column added half-way, topics beside CDC.
 */
export async function preparePipeline(options: PrepareOptions): Promise<string[]> {
  const { stack, pipeline, rows, context } = options
  const { signal } = context
  const lastWords = async () => `Connect's last log lines:\n${await stack.lastLog('connect', 15)}`
  await inPhase(context, 'fill PostgreSQL', () => fillPostgres(pipeline.postgresUrl, { rows }))
  const loaded =
    options.sqlFiles.length === 0
      ? []
      : await inPhase(context, 'load the dumps', () =>
          loadSql({ url: pipeline.postgresUrl, files: options.sqlFiles, binDirectory: options.binDirectory, signal }),
        )
  await inPhase(context, 'fill the registry', () => fillRegistry(pipeline.registry, signal))
  await inPhase(context, 'snapshot by the connector', async () => {
    const extraTables = loaded.map(({ name }) => name)
    const config = await connectorConfig({ databaseConfig: stack.databaseConfig(), converterConfig: stack.converterConfig(), extraTables })
    await registerConnector(pipeline.connect, config, signal)
    await sendCanary(pipeline, { signal, lastWords, timeoutMs: 600_000 })
  })
  await inPhase(context, 'stream changes', async () => {
    await changePostgres(pipeline.postgresUrl)
    await alterPostgres(pipeline.postgresUrl)
    await sendCanary(pipeline, { signal, lastWords, timeoutMs: 600_000 })
  })
  await inPhase(context, 'fill Kafka', () => fillKafka(pipeline.kafka, pipeline.registry, { rows, signal }))
  return [...capturedTables, ...loaded.map(({ name }) => name)]
}
