import { z } from 'zod'
import type { ConnectConfig } from '../base/config.ts'
import { DatapipeError } from '../base/errors.ts'
import { createHttpClient, type HttpAnswer } from './http.ts'

const configSchema = z.record(z.string(), z.string())
export type ConnectorConfig = z.infer<typeof configSchema>

const stateSchema = z.object({ state: z.string(), trace: z.string().optional() })
const statusSchema = z.object({ connector: stateSchema, tasks: z.array(stateSchema.extend({ id: z.number().int() })) })
export type ConnectorStatus = z.infer<typeof statusSchema>

const infoSchema = z.object({ name: z.string(), config: configSchema, type: z.string().nullish() })
const offsetSchema = z.strictObject({ partition: z.record(z.string(), z.unknown()), offset: z.record(z.string(), z.unknown()).nullable() })
/** Integers beyond 2^53 are bigint; a null offset in a write removes the partition. */
export type ConnectorOffset = z.infer<typeof offsetSchema>

const pluginSchema = z.object({ class: z.string(), type: z.string(), version: z.string().nullish() })
const rootSchema = z.object({ version: z.string(), kafka_cluster_id: z.string() })

export interface ListedConnector {
  name: string
  config: ConnectorConfig
  type: string | undefined
  status: ConnectorStatus
}

/**
 * Kafka Connect's REST API (KIP-875, KIP-980), one method a request, no policy. The worker's 409 during a rebalance is retried for a minute;
 * any other answer that is not a success throws what `HttpClient.request` throws.
 */
export type ConnectClient = ReturnType<typeof connectClient>

export function connectClient(config: ConnectConfig, signal: AbortSignal) {
  const { url, username, password, tls } = config
  const http = createHttpClient({
    name: 'kafka connect',
    section: 'connect',
    url,
    username,
    password,
    tls,
    signal,
    timeoutMs: 90_000,
    askAgain: isRebalance,
  })
  const at = (name: string) => `/connectors/${encodeURIComponent(name)}`

  const ask = async <T>(schema: z.ZodType<T>, path: string): Promise<T> => parsed(schema, await http.request('GET', path), path)
  const askIfThere = async <T>(schema: z.ZodType<T>, path: string): Promise<T | undefined> => {
    const answer = await http.request('GET', path, { allow: [404] })
    return answer.status === 404 ? undefined : parsed(schema, answer, path)
  }

  return {
    url: http.url,
    async info(): Promise<{ version: string; clusterId: string }> {
      const root = await ask(rootSchema, '/')
      return { version: root.version, clusterId: root.kafka_cluster_id }
    },
    /** In order of name. */
    async connectors(): Promise<ListedConnector[]> {
      const listed = await ask(z.record(z.string(), z.object({ info: infoSchema, status: statusSchema })), '/connectors?expand=info&expand=status')
      return Object.entries(listed)
        .map(([name, { info, status }]) => ({ name, config: info.config, type: info.type ?? undefined, status }))
        .sort((a, b) => (a.name < b.name ? -1 : 1))
    },
    names: () => ask(z.array(z.string()), '/connectors'),
    /** As it was given: `${provider:…}` references are not resolved. */
    config: (name: string) => askIfThere(configSchema, `${at(name)}/config`),
    status: (name: string) => askIfThere(statusSchema, `${at(name)}/status`),
    /** `initial_state` needs Kafka 3.7. */
    async create(name: string, config: ConnectorConfig, initialState?: 'STOPPED' | 'PAUSED' | 'RUNNING'): Promise<void> {
      await http.request('POST', '/connectors', { json: { name, config, ...(initialState === undefined ? {} : { initial_state: initialState }) } })
    },
    putConfig: async (name: string, config: ConnectorConfig) => void (await http.request('PUT', `${at(name)}/config`, { json: config })),
    /** Asynchronous: poll the status. */
    stop: async (name: string) => void (await http.request('PUT', `${at(name)}/stop`)),
    pause: async (name: string) => void (await http.request('PUT', `${at(name)}/pause`)),
    resume: async (name: string) => void (await http.request('PUT', `${at(name)}/resume`)),
    remove: async (name: string) => void (await http.request('DELETE', at(name), { allow: [404] })),
    /** Since Kafka 3.5, in any state. */
    async offsets(name: string): Promise<ConnectorOffset[]> {
      return (await ask(z.object({ offsets: z.array(offsetSchema) }), `${at(name)}/offsets`)).offsets
    },
    /** Since Kafka 3.6; the connector must be STOPPED with no task left. */
    patchOffsets: async (name: string, offsets: ConnectorOffset[]) =>
      void (await http.request('PATCH', `${at(name)}/offsets`, { json: { offsets } })),
    deleteOffsets: async (name: string) => void (await http.request('DELETE', `${at(name)}/offsets`)),
    /** Converters, transforms and predicates too. */
    plugins: () => ask(z.array(pluginSchema), '/connector-plugins?connectorsOnly=false'),
    /** Keys that a plugin declares, with their types; undefined when the worker does not have it. */
    async pluginKeys(className: string): Promise<{ name: string; type: string }[] | undefined> {
      return await askIfThere(z.array(z.object({ name: z.string(), type: z.string() })), `/connector-plugins/${encodeURIComponent(className)}/config`)
    },
    async topics(name: string): Promise<string[]> {
      const answer = await askIfThere(z.record(z.string(), z.object({ topics: z.array(z.string()) })), `${at(name)}/topics`)
      return answer?.[name]?.topics ?? []
    },
  }
}

/** 409 also means "exists already": only the passing kinds are worth another try. */
function isRebalance(answer: HttpAnswer): boolean {
  return answer.status === 409 && /rebalanc|momentarily|stale configuration|conflicting operation/i.test(answer.text)
}

function parsed<T>(schema: z.ZodType<T>, answer: HttpAnswer, path: string): T {
  const result = schema.safeParse(answer.json())
  if (result.success) return result.data
  const issue = result.error.issues[0]
  throw new DatapipeError(
    'server-refused',
    `kafka connect answered ${path} in an unknown form: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`,
  )
}

/** The Kafka version of a worker: Confluent's builds count their own way (7.6.0-ccs is Kafka 3.6, 8.3 is 4.3). Undefined when unreadable. */
export function kafkaVersionOf(version: string): { major: number; minor: number } | undefined {
  const match = /^(\d+)\.(\d+)/.exec(version)
  if (!match) return undefined
  const [major, minor] = [Number(match[1]), Number(match[2])]
  return /-(ccs|ce)/.test(version) && major >= 5 ? { major: major - 4, minor } : { major, minor }
}
