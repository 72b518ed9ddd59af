import type { KafkaConfig } from '../../base/config.ts'
import { DatapipeError } from '../../base/errors.ts'
import type { ComponentName } from '../../base/events.ts'
import { matchesAny } from '../../components/kafka/match-names.ts'
import type { KafkaPart } from '../../components/kafka/part.ts'
import { parseOffsetRange, parseTime, type RecordRange } from '../../components/kafka/record-range.ts'
import { parseRename, renameTopics } from '../../components/kafka/rename-topics.ts'
import type { TopicChoices } from '../../components/kafka/topic-choices.ts'
import type { TopicChoice } from './choose-topics.ts'

/** A part of the records, as it was typed. */
export interface RangeOptions {
  /** `TOPIC/PARTITION=FROM..TO`. */
  offsets?: string[]
  /** ISO 8601 with a zone, or milliseconds since 1970: from (inclusive) to (exclusive). */
  fromTime?: string
  toTime?: string
}

/** What of Kafka is restored, and how, as it was typed. */
export interface KafkaRestoreOptions extends RangeOptions {
  /** Globs of the backup's topics; each must match one that carries data. */
  topics?: string[]
  /** `FROM=TO`, with wildcards on both sides. */
  rename?: string[]
  replicationFactor?: number
  /** `TOPIC=N`. */
  repartition?: string[]
  preserveOffsets?: boolean
  withoutGroups?: boolean
  /** File for the offset map. */
  offsetMap?: string
  /** Set ACLs and quotas, too. */
  acls?: boolean
}

/** Read, and fitted to the topics of one backup. */
export interface KafkaChoices {
  /** The topics with data that are restored. */
  data: string[]
  /** How those with data come back. */
  ofData: TopicChoices
  /** How the topics of registry and workers come back: whole, under their own names. */
  ofInternal: TopicChoices
}

/** A part of the topics beside working originals; a pipeline needs all of them under their own names. Throws `usage`. */
export function refusePartialPipeline(options: KafkaRestoreOptions, only: ComponentName[] | undefined): void {
  const partial = [
    ['--topic', options.topics],
    ['--rename', options.rename],
    ['--offsets', options.offsets],
    ['--from-time', options.fromTime],
    ['--to-time', options.toTime],
  ].find(([, value]) => value !== undefined)
  if (partial === undefined || (only?.length === 1 && only[0] === 'kafka')) return
  throw new DatapipeError('usage', `${partial[0]} restores less than a pipeline: connectors, schemas and the database would not fit it`, {
    hint: `say --only kafka with ${partial[0]}`,
  })
}

/** Throws `usage`, `topic-pattern-empty`, `rename-refused`. */
export function chooseForKafka(options: KafkaRestoreOptions, part: KafkaPart, choice: TopicChoice, config: KafkaConfig | undefined): KafkaChoices {
  const data = selectData(choice.data, options.topics ?? ['*'])
  const rules = (options.rename ?? []).map(parseRename)
  const internal = new Set([
    ...choice.registry,
    ...choice.workers,
    ...choice.evidence,
    ...part.topics.filter(({ kind }) => kind === 'internal').map(({ name }) => name),
  ])
  const replicationFactor = options.replicationFactor ?? config?.restore?.replicationFactor
  const ofInternal = replicationFactor === undefined ? {} : { replicationFactor }
  const range = rangeOf(options)
  return {
    data,
    ofInternal,
    ofData: {
      ...ofInternal,
      ...(rules.length === 0 ? {} : { names: renameTopics(data, rules, internal) }),
      ...(options.repartition === undefined ? {} : { repartition: countsOf(options.repartition, data) }),
      ...(range === undefined ? {} : { range }),
      ...(options.preserveOffsets ? { preserveOffsets: true } : {}),
    },
  }
}

/** The same for topics that end before their stored ends, or at a time of their own. Pure. */
export function withEnds(choices: KafkaChoices, { ends, toTimes }: Required<Pick<RecordRange, 'ends' | 'toTimes'>>): KafkaChoices {
  if (ends.size === 0 && toTimes.size === 0) return choices
  const range = { ...choices.ofData.range, ...(ends.size > 0 && { ends }), ...(toTimes.size > 0 && { toTimes }) }
  return { ...choices, ofData: { ...choices.ofData, range } }
}

function selectData(data: string[], globs: string[]): string[] {
  for (const glob of globs.filter((candidate) => candidate !== '*'))
    if (!data.some((name) => matchesAny(name, [glob])))
      throw new DatapipeError('topic-pattern-empty', `--topic ${glob} matches no topic of the backup that carries data`, {
        path: glob,
        hint: 'run `datapipe show` for its topics',
      })
  return data.filter((name) => matchesAny(name, globs))
}

function countsOf(texts: string[], data: string[]): Map<string, number> {
  return new Map(
    texts.map((text) => {
      const [, topic, count] = /^([^=]+)=([1-9]\d{0,5})$/.exec(text) ?? []
      if (topic === undefined || count === undefined)
        throw new DatapipeError('usage', `--repartition ${text} is not TOPIC=N`, { hint: 'for example --repartition orders=12' })
      if (!data.includes(topic))
        throw new DatapipeError('usage', `--repartition names ${topic}, which is not among the topics that are restored`, { path: topic })
      return [topic, Number(count)] as const
    }),
  )
}

/** Undefined when none was typed. Throws `usage`. */
export function rangeOf({ offsets, fromTime, toTime }: RangeOptions): RecordRange | undefined {
  if (offsets === undefined && fromTime === undefined && toTime === undefined) return undefined
  const range: RecordRange = {
    ...(offsets === undefined ? {} : { offsets: new Map(offsets.map(parseOffsetRange)) }),
    ...(fromTime === undefined ? {} : { fromTime: parseTime(fromTime, 'from-time') }),
    ...(toTime === undefined ? {} : { toTime: parseTime(toTime, 'to-time') }),
  }
  if (range.fromTime !== undefined && range.toTime !== undefined && range.fromTime >= range.toTime)
    throw new DatapipeError('usage', `--from-time ${fromTime} is not before --to-time ${toTime}`)
  return range
}
