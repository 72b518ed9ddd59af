import { join, resolve } from 'node:path'
import type { DatapipeConfig } from '../base/config.ts'
import { type Context, inPhase } from '../base/context.ts'
import { answers, DatapipeError } from '../base/errors.ts'
import { encodeTopic } from '../components/kafka/artifact-path.ts'
import { matchesAny } from '../components/kafka/match-names.ts'
import type { TopicPart } from '../components/kafka/part.ts'
import { checkRange, isInTime, narrowTopic, type RecordRange } from '../components/kafka/record-range.ts'
import { readPartSnapshot } from '../components/registry/part.ts'
import type { ArtifactReader } from '../repository/artifact.ts'
import { type Backup, openBackup } from '../repository/open-backup.ts'
import { openStorage } from '../storage/open-storage.ts'
import type { ExportAbout } from './export/about.ts'
import { type ColumnChoice, columnsOf, type ExportFormat } from './export/columns.ts'
import { avroJsonLines } from './export/avro-json-lines.ts'
import { countLosses } from './export/count-losses.ts'
import { rawLine } from './export/raw-lines.ts'
import { storedTopicRecords } from './export/stored-records.ts'
import { type SchemaOf, storedSchemas } from './export/stored-schemas.ts'
import { writeFileWhole } from './export/write-file.ts'
import { type RangeOptions, rangeOf } from './restore/kafka-choices.ts'
import { partsOf } from './restore/parts.ts'
import { atPoint } from './restore/point-ends.ts'

export interface ExportOptions extends RangeOptions {
  config: DatapipeConfig
  /** An id, the beginning of one, or `latest`. */
  backup: string
  /** Globs; each must match a topic of the backup. */
  topics: string[]
  format: ExportFormat
  /** Beside the value; raw lines hold everything. */
  columns?: ColumnChoice[]
  /** Directory for the files; made when missing. */
  output: string
}

export interface ExportResult {
  exitCode: number
  backup: string
  /** In the order of the topics' names. */
  files: (ExportAbout & { path: string })[]
}

/**
 * Writes topics of a backup as files of lines, without any server: what kafka-avro-console-consumer would print (`avro-json`), or every record
 * whole (`raw`); beside each, FILE.about.json tells what its lines are and what they do not hold. Throws `backup-not-found`, `usage` (a topic that is not there),
 * `not-supported` (not Avro), `artifact-damaged`, `target-not-empty`, `storage-failed`; a topic that failed leaves no file.
 */
export async function exportTopics(options: ExportOptions, context: Context): Promise<ExportResult> {
  const backup = await openBackup(openStorage(options.config.repository.url), options.backup, context)
  const { kafka: stored, registry } = partsOf(backup)
  const kafka = stored && atPoint(stored, backup.manifest.recoveryPoint)
  if (kafka === undefined) throw new DatapipeError('usage', `backup ${backup.id} holds no topics`, { path: backup.id })
  const topics = chosenTopics(kafka.topics, options.topics, backup.id)
  const range = rangeOf(options)
  if (range) checkRange(topics, range)
  const needsSchemas = options.format === 'avro-json'
  if (needsSchemas && registry === undefined)
    throw new DatapipeError('not-supported', `backup ${backup.id} holds no schemas`, { path: backup.id, hint: 'export with --format raw' })
  const schemaOf = needsSchemas && registry !== undefined ? storedSchemas(await readPartSnapshot(registry, backup.component('registry'))) : noSchemas
  const files: ExportResult['files'] = []
  for (const topic of topics)
    files.push(await inPhase(context, `export ${topic.name}`, () => exportTopic({ options, backup, topic, range, schemaOf, context })))
  return { exitCode: answers.ok, backup: backup.id, files }
}

function chosenTopics(all: TopicPart[], globs: string[], backup: string): TopicPart[] {
  for (const glob of globs)
    if (!all.some(({ name }) => matchesAny(name, [glob])))
      throw new DatapipeError('usage', `no topic of backup ${backup} matches ${glob}`, { path: glob, hint: `its topics: datapipe show ${backup}` })
  return all.filter(({ name }) => matchesAny(name, globs)).sort((a, b) => (a.name < b.name ? -1 : 1))
}

interface TopicExport {
  options: ExportOptions
  backup: Backup
  topic: TopicPart
  range: RecordRange | undefined
  schemaOf: SchemaOf
  context: Context
}

async function exportTopic({ options, backup, topic, range, schemaOf, context }: TopicExport): Promise<ExportResult['files'][number]> {
  const { format } = options
  const columns = format === 'raw' ? [] : columnsOf(options.columns ?? [])
  const file = `${encodeTopic(topic.name)}.${format === 'raw' ? 'raw.jsonl' : 'avro.json'}`
  const path = join(resolve(options.output), file)
  const losses = countLosses(format, columns)
  const lines = avroJsonLines(topic.name, columns, schemaOf)
  await writeFileWhole(
    path,
    portions(backup.component('kafka'), range ? narrowTopic(topic, range) : topic, { format, lines, losses, range, context }),
  )
  const schemas = (side: 'key' | 'value') => [...lines.used[side].values()].map(({ id, schema, referenced }) => ({ id, schema, referenced }))
  const about: ExportAbout = {
    format: 1,
    kind: format,
    file,
    topic: topic.name,
    backup: backup.id,
    ...describeRange(options),
    records: losses.records,
    tombstones: losses.tombstones,
    partitions: losses.partitions,
    columns,
    schemas: { key: schemas('key'), value: schemas('value') },
    lost: losses.lost(),
  }
  await writeFileWhole(`${path}.about.json`, single(Buffer.from(`${JSON.stringify(about, null, 2)}\n`)))
  return { ...about, path }
}

/** That it is a part, and which. */
function describeRange({ offsets, fromTime, toTime }: RangeOptions): { only?: RangeOptions } {
  const only = { ...(offsets && { offsets }), ...(fromTime !== undefined && { fromTime }), ...(toTime !== undefined && { toTime }) }
  return Object.keys(only).length === 0 ? {} : { only }
}

interface Lines {
  format: ExportFormat
  lines: ReturnType<typeof avroJsonLines>
  losses: ReturnType<typeof countLosses>
  range: RecordRange | undefined
  context: Context
}

/** Lines in portions of some size: a file of millions of them is not written one by one. */
async function* portions(reader: ArtifactReader, topic: TopicPart, { format, lines, losses, range, context }: Lines): AsyncGenerator<Buffer> {
  let pending: Buffer[] = []
  let size = 0
  for await (const record of storedTopicRecords(reader, topic)) {
    if (context.signal.aborted) throw new DatapipeError('interrupted', `interrupted while exporting ${topic.name}`)
    if (!isInTime(range, record.timestamp)) continue
    losses.see(record)
    const line = format === 'raw' ? rawLine(record) : Buffer.from(lines.line(record))
    pending.push(line)
    size += line.length
    if (size < 256 * 1024) continue
    yield Buffer.concat(pending)
    pending = []
    size = 0
    context.emit({ type: 'progress', task: `export ${topic.name}`, done: losses.records, unit: 'records' })
  }
  yield Buffer.concat(pending)
}

async function* single(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes
}

function noSchemas(_id: number, _what: string, place: string): never {
  throw new DatapipeError('internal', `a raw export asked for the schema of ${place}`)
}
