import type { DatapipeConfig } from '../base/config.ts'
import { type Context, inPhase } from '../base/context.ts'
import { answers, DatapipeError } from '../base/errors.ts'
import { connectKafka, type KafkaClient } from '../clients/kafka/kafka-client.ts'
import { openRegistry } from '../clients/registry.ts'
import type { ConfluentApi } from '../clients/registry/confluent-api.ts'
import type { ExportFormat } from './export/columns.ts'
import { appendToTopic } from './import/append-to-topic.ts'
import { type Layout, layoutOf } from './import/layout.ts'
import { type ReadLines, readLines } from './import/read-lines.ts'
import { WriterSchemas } from './import/writer-schemas.ts'

export interface ImportOptions {
  config: DatapipeConfig
  files: string[]
  /** Where the records go; a file's own topic when left out. */
  topic?: string
  /** Of files that have no FILE.about.json. */
  format?: ExportFormat
  columns?: string[]
  /** Schema of keys and values that carry no id: an id, or SUBJECT:VERSION. */
  keySchema?: string
  valueSchema?: string
  /** Read every line, find every schema, send nothing. */
  dryRun?: boolean
}

export interface ImportedFile {
  file: string
  topic: string
  format: ExportFormat
  records: number
  tombstones: number
  /** What the file does not hold of its records, so that they came back without it; null where nothing says so. */
  lost: Record<string, number> | null
}

export interface ImportResult {
  exitCode: number
  dryRun: boolean
  files: ImportedFile[]
}

interface Plan {
  file: string
  topic: string
  partitions: number
  layout: Layout
  lines: ReadLines
}

/**
 * Appends exported files to live topics. Every line of every file is read, and encoded, before the first record is sent, so that a bad line or a schema that is not there stops it
 * with nothing written. Throws `usage` (a line, a column, a partition, a topic that is not there), `ids-would-change`, `not-supported`, and what Kafka and the registry answer.
 */
export async function importTopics(options: ImportOptions, context: Context): Promise<ImportResult> {
  const { config, dryRun = false } = options
  if (config.kafka === undefined) throw new DatapipeError('config-invalid', 'there is no kafka section', { path: 'datapipe.yaml: kafka' })
  await using client = await connectKafka(config.kafka, context)
  const registry = config.registry === undefined ? undefined : (await openRegistry(config.registry, context.signal)).confluent
  const plans: Plan[] = []
  for (const file of options.files) plans.push(await planFile(file, { options, client, registry }))
  const files = await inPhase(context, 'read the files', () => eachFile(plans, readAll))
  if (!dryRun) await inPhase(context, 'import', () => eachFile(plans, (plan) => sendAll(plan, client, context)))
  return { exitCode: answers.ok, dryRun, files }
}

async function eachFile<T>(plans: Plan[], work: (plan: Plan) => Promise<T>): Promise<T[]> {
  const results: T[] = []
  for (const plan of plans) results.push(await work(plan))
  return results
}

interface Sources {
  options: ImportOptions
  client: KafkaClient
  registry: ConfluentApi | undefined
}

async function planFile(file: string, { options, client, registry }: Sources): Promise<Plan> {
  const layout = await layoutOf(file, { columns: options.columns, kind: options.format })
  const topic = options.topic ?? layout.topic
  if (topic === undefined) throw new DatapipeError('usage', `nothing says which topic ${file} is of`, { path: file, hint: 'name it with --topic' })
  const [found] = await client.retrying(() => client.topics([topic]))
  if (found === undefined)
    throw new DatapipeError('usage', `there is no topic ${topic}`, { path: topic, hint: 'make it first, with as many partitions as its source had' })
  const base = { file, topic, partitions: found.partitions.length, layout }
  if (layout.kind === 'raw') return { ...base, lines: { file, layout, schemas: undefined, keySchema: undefined, valueSchema: undefined } }
  if (registry === undefined) throw new DatapipeError('config-invalid', 'Avro needs the registry section', { path: 'datapipe.yaml: registry' })
  const schemas = new WriterSchemas(registry, layout.about)
  const chosen = async (side: 'key' | 'value', typed: string | undefined) => {
    const carried = layout.columns.includes(`${side}-id`) || !layout.columns.includes(side)
    // Nothing but nulls needs no schema.
    const needless = typed === undefined && layout.about !== undefined && layout.about.schemas[side].length === 0
    return carried || needless ? undefined : await schemas.chosen(side, typed, layout.about, file)
  }
  return {
    ...base,
    lines: { file, layout, schemas, keySchema: await chosen('key', options.keySchema), valueSchema: await chosen('value', options.valueSchema) },
  }
}

/** Reads a file to its end and sends nothing. */
async function readAll({ file, topic, partitions, layout, lines }: Plan): Promise<ImportedFile> {
  let [records, tombstones] = [0, 0]
  for await (const { partition, value } of readLines(lines)) {
    records += 1
    if (value === null) tombstones += 1
    if (partition !== undefined && partition >= partitions)
      throw new DatapipeError('usage', `topic ${topic} has ${partitions} partitions, line ${records} of ${file} is of partition ${partition}`, {
        path: topic,
        hint: 'make the topic with as many partitions as its source had, or export without the partition column',
      })
  }
  if (records === 0) throw new DatapipeError('usage', `${file} holds no record`, { path: file })
  return { file, topic, format: layout.kind, records, tombstones, lost: layout.about?.lost ?? null }
}

async function sendAll({ topic, partitions, lines }: Plan, client: KafkaClient, context: Context): Promise<void> {
  const appender = await appendToTopic({ client, topic, partitions, now: () => context.now() })
  for await (const record of readLines(lines)) {
    if (context.signal.aborted)
      throw new DatapipeError('interrupted', `interrupted while importing into ${topic}: ${appender.records} records were read`)
    await appender.append(record)
    if (appender.records % 10_000 === 0) context.emit({ type: 'progress', task: `import ${topic}`, done: appender.records, unit: 'records' })
  }
  await appender.flush()
}
