import { z } from 'zod'
import { DatapipeError } from '../../base/errors.ts'
import { parseJson } from '../../base/lossless-json.ts'
import type { ArtifactReader } from '../../repository/artifact.ts'

export const targetStates = ['RUNNING', 'PAUSED', 'STOPPED'] as const
export type TargetState = (typeof targetStates)[number]

/** Connect's part of a manifest: a summary; configurations and offsets are in `connectors.json`. */
export const connectPartSchema = z.strictObject({
  format: z.literal(1),
  /** The worker's version. */
  version: z.string(),
  /** URL without credentials, and the Kafka cluster that the workers belong to. */
  identity: z.string(),
  clusterId: z.string(),
  counts: z.strictObject({ connectors: z.number().int(), offsets: z.number().int() }),
  connectors: z.array(
    z.strictObject({
      name: z.string(),
      class: z.string(),
      type: z.string(),
      /** What the connector was meant to do when the backup was taken (before Datapipe stopped it). */
      state: z.enum(targetStates),
      /** Keys whose values are not in the backup and must be supplied at a restore. */
      secrets: z.array(z.string()),
      /** A topic of its own for its offsets (`offsets.storage.topic`), when it has one. */
      offsetTopic: z.string().optional(),
      /** Of a Debezium PostgreSQL connector: whether it reads the PostgreSQL of this backup. Absent where the backup has none. */
      reads: z.enum(['this-postgres', 'another']).optional(),
    }),
  ),
  plugins: z.array(z.strictObject({ class: z.string(), type: z.string(), version: z.string() })),
  internalTopics: z.strictObject({ config: z.string(), offset: z.string(), status: z.string() }),
  artifacts: z.strictObject({ connectors: z.string() }),
})
export type ConnectPart = z.infer<typeof connectPartSchema>

/** The content of `connectors.json`. Offsets keep every digit of their integers. */
const storedSchema = z.strictObject({
  format: z.literal(1),
  connectors: z.array(
    z.strictObject({
      name: z.string(),
      type: z.string(),
      state: z.enum(targetStates),
      config: z.record(z.string(), z.string()),
      offsets: z.array(z.strictObject({ partition: z.record(z.string(), z.unknown()), offset: z.record(z.string(), z.unknown()).nullable() })),
      topics: z.array(z.string()),
    }),
  ),
})
export type StoredConnectors = z.infer<typeof storedSchema>
export type StoredConnector = StoredConnectors['connectors'][number]

/** Throws `format-too-new` or `artifact-damaged` when the part does not fit. */
export function parseConnectPart(part: unknown): ConnectPart {
  return parsed(connectPartSchema, part, 'the connect part of the manifest')
}

/** Reads and checks `connectors.json`. Throws `artifact-missing`, `artifact-damaged`, `format-too-new`. */
export async function readStoredConnectors(part: ConnectPart, reader: ArtifactReader): Promise<StoredConnector[]> {
  const path = part.artifacts.connectors
  const artifact = reader.artifacts.find((item) => item.path === path)
  if (artifact === undefined) throw new DatapipeError('artifact-missing', `the manifest lists no ${path}`, { path })
  return parsed(storedSchema, parseJson((await reader.readAll(artifact)).toString('utf8')), path).connectors
}

function parsed<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const format = (value as { format?: unknown } | null)?.format
  if (typeof format === 'number' && format > 1) throw new DatapipeError('format-too-new', `${what} has format ${format}`)
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  throw new DatapipeError('artifact-damaged', `${what} does not parse: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`)
}
