import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Kafka } from 'kafkajs'
import pg from 'pg'
import { parse, stringify } from 'yaml'
import { silentContext } from '../src/base/context.ts'
import { stringifyJson } from '../src/base/lossless-json.ts'
import { waitUntil } from '../src/base/wait-until.ts'
import { type HttpServer, httpJson } from '../src/drill/observers/http-json.ts'
import { kafkaClient } from '../src/drill/observers/kafka-connection.ts'
import { type EmbeddedStack, startEmbeddedStack } from '../src/stack/embedded/index.ts'

/** A datapipe.yaml as data. */
export type ConfigFile = { repository: { url: string } } & Record<'postgres' | 'kafka' | 'registry' | 'connect', Record<string, unknown>>

/** Four real servers with just enough in them to lose: one captured table, one Avro subject of its own, one application topic with a group. */
export interface SmallPipeline extends AsyncDisposable {
  readonly stack: EmbeddedStack
  readonly connector: string
  readonly slot: string
  readonly kafka: Kafka
  sql(text: string): Promise<Record<string, unknown>[]>
  /** Status and body of a request to the worker, integers of any size kept. */
  connect(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }>
  registry(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }>
  /** State of the connector and of its task, e.g. `RUNNING RUNNING`. */
  connectorState(): Promise<string>
  untilConnector(state: string): Promise<void>
  storedOffset(): Promise<Record<string, unknown>>
  /** Writes a datapipe.yaml, the stack's own with changes, and returns its path. */
  configFile(name: string, change?: (config: ConfigFile) => void): Promise<string>
}

const connector = 'shop'
/** Every status is an answer here. */
const refusals = Array.from({ length: 300 }, (_, index) => 300 + index)
const slot = 'shop_slot'

/** `secure`: on servers that want TLS and passwords everywhere. */
export async function startSmallPipeline(directory: string, { secure = false } = {}): Promise<SmallPipeline> {
  const stack = await startEmbeddedStack({ context: silentContext(), secure })
  try {
    const pipeline = smallPipeline(stack, directory)
    await fill(pipeline)
    return pipeline
  } catch (error) {
    await stack.down()
    throw error
  }
}

function smallPipeline(stack: EmbeddedStack, directory: string): SmallPipeline {
  const config = stack.config('file:///unused')
  const { postgres, kafka, registry, connect } = config
  if (!postgres || !kafka || !registry || !connect) throw new Error('the stack lacks a server')
  const ask = async (server: HttpServer, method: string, path: string, body: unknown) => {
    const { status, body: answer } = await httpJson(server, path, {
      method,
      accept: refusals,
      ...(body === undefined ? {} : { body: stringifyJson(body) }),
    })
    return { status, body: answer }
  }
  const pipeline: SmallPipeline = {
    stack,
    connector,
    slot,
    kafka: kafkaClient(kafka),
    async sql(text) {
      const client = new pg.Client({ connectionString: postgres.url })
      await client.connect()
      try {
        return (await client.query(text)).rows
      } finally {
        await client.end()
      }
    },
    connect: (method, path, body) => ask(connect, method, path, body),
    registry: (method, path, body) => ask(registry, method, `/apis/ccompat/v7${path}`, body),
    async connectorState() {
      const { status, body } = await pipeline.connect('GET', `/connectors/${connector}/status`)
      if (status !== 200) return `HTTP ${status}`
      const { connector: own, tasks } = body as { connector: { state: string }; tasks: { state: string }[] }
      return [own, ...tasks].map(({ state }) => state).join(' ')
    },
    async untilConnector(state) {
      let seen = ''
      await waitUntil(
        async () => {
          seen = await pipeline.connectorState()
          return seen === state
        },
        { what: `connector to be ${state}`, timeoutMs: 120_000, everyMs: 20, lastWords: () => seen },
      )
    },
    async storedOffset() {
      const { body } = await pipeline.connect('GET', `/connectors/${connector}/offsets`)
      return (body as { offsets?: { offset: Record<string, unknown> }[] }).offsets?.[0]?.offset ?? {}
    },
    async configFile(name, change) {
      const file = join(directory, `${name}.yaml`)
      const changed = parse(stack.configText(pathToFileURL(join(directory, 'repository')).href)) as ConfigFile
      change?.(changed)
      await writeFile(file, stringify(changed), { mode: 0o600 })
      return file
    },
    [Symbol.asyncDispose]: () => stack.down(),
  }
  return pipeline
}

async function fill(pipeline: SmallPipeline): Promise<void> {
  const { stack, sql, kafka } = pipeline
  await sql('CREATE TABLE item (id int PRIMARY KEY, name text)')
  await sql("INSERT INTO item SELECT i, 'item ' || i FROM generate_series(1, 20) i")
  await sql('CREATE PUBLICATION shop_publication FOR TABLE item')
  const settings = {
    'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
    'plugin.name': 'pgoutput',
    'slot.name': slot,
    'slot.drop.on.stop': 'false',
    'publication.name': 'shop_publication',
    'publication.autocreate.mode': 'disabled',
    'topic.prefix': 'shop',
    'table.include.list': 'public\\.item',
    'heartbeat.interval.ms': '1000',
    'poll.interval.ms': '100',
    'topic.creation.default.replication.factor': '1',
    'topic.creation.default.partitions': '1',
    ...stack.databaseConfig(),
    ...stack.converterConfig(),
  }
  const { status, body } = await pipeline.connect('PUT', `/connectors/${connector}/config`, settings)
  if (status !== 201) throw new Error(`the connector was refused: ${status} ${stringifyJson(body)}`)
  const schema = { type: 'record', name: 'Order', fields: [{ name: 'n', type: 'int' }] }
  await pipeline.registry('POST', '/subjects/orders-value/versions', { schema: JSON.stringify(schema) })
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ waitForLeaders: true, topics: [{ topic: 'orders', numPartitions: 2, replicationFactor: 1 }] })
  const producer = kafka.producer()
  await producer.connect()
  const messages = Array.from({ length: 20 }, (_, index) => ({
    key: `k${index}`,
    value: `order ${index}`,
    partition: index % 2,
    headers: { n: `${index}` },
  }))
  await producer.send({ topic: 'orders', messages })
  await producer.disconnect()
  await admin.setOffsets({ groupId: 'billing', topic: 'orders', partitions: [{ partition: 0, offset: '4' }] })
  await admin.disconnect()
  await pipeline.untilConnector('RUNNING RUNNING')
  await sql("UPDATE item SET name = 'changed' WHERE id = 1")
  await waitUntil(async () => 'lsn' in (await pipeline.storedOffset()) && !('snapshot' in (await pipeline.storedOffset())), {
    what: 'the first streamed change',
    timeoutMs: 120_000,
    lastWords: () => stack.lastLog('connect', 40),
  })
}

/** One byte of a file, in its middle, is another one. */
export async function changeByte(file: string): Promise<void> {
  const bytes = await readFile(file)
  const at = bytes.length >> 1
  bytes[at] = (bytes[at] ?? 0) ^ 0x01
  await writeFile(file, bytes)
}
