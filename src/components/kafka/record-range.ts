import { DatapipeError } from '../../base/errors.ts'
import type { TopicPart } from './part.ts'

/** A part of the records, by offset, by timestamp, or both: only what lies in all of them. */
export interface RecordRange {
  /** By `topic/partition`: from (inclusive) to (exclusive). With any, partitions that are not named are left out. */
  offsets?: ReadonlyMap<string, OffsetRange>
  /** By `topic/partition`: where a cut ends it (exclusive). Partitions that are not named go to their own end. */
  ends?: ReadonlyMap<string, bigint>
  /** Timestamps of records, milliseconds: from (inclusive) to (exclusive). */
  fromTime?: bigint
  toTime?: bigint
  /** By topic: the same end for its records alone. */
  toTimes?: ReadonlyMap<string, bigint>
}

export interface OffsetRange {
  from?: bigint
  to?: bigint
}

/** Reads `TOPIC/PARTITION=FROM..TO`, either end left out meaning the partition's own. Throws `usage`. */
export function parseOffsetRange(text: string): [string, OffsetRange] {
  const match = /^([^/=]+\/\d+)=(\d{1,19})?\.\.(\d{1,19})?$/.exec(text)
  const [, partition, from, to] = match ?? []
  if (partition === undefined || (from === undefined && to === undefined) || (from !== undefined && to !== undefined && BigInt(from) >= BigInt(to)))
    throw new DatapipeError('usage', `--offsets ${text} is not TOPIC/PARTITION=FROM..TO`, {
      hint: 'for example --offsets orders/0=100..200: offsets 100 to 199; orders/0=100.. has no end',
    })
  return [partition, { ...(from === undefined ? {} : { from: BigInt(from) }), ...(to === undefined ? {} : { to: BigInt(to) }) }]
}

/** Reads a time with its zone, or milliseconds since 1970, into milliseconds. Throws `usage`. */
export function parseTime(text: string, option: string): bigint {
  if (/^-?\d{1,18}$/.test(text)) return BigInt(text)
  const time = /T.*(Z|[+-]\d\d:?\d\d)$/i.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(time))
    throw new DatapipeError('usage', `--${option} ${text} is no time`, { hint: 'for example 2026-11-25T09:00:00Z, or milliseconds since 1970' })
  return BigInt(time)
}

/**
 * The topic with its partitions narrowed to the offsets wanted, and without the files that hold none of them or nothing young enough.
 * Which records of the other files are in the time range is for the reader of their batches to say (`isInTime`).
 */
export function narrowTopic(topic: TopicPart, range: RecordRange): TopicPart {
  const partitions = topic.partitions.map((partition) => {
    const wanted = range.offsets?.get(`${topic.name}/${partition.partition}`)
    const nothing = range.offsets !== undefined && wanted === undefined
    const startOffset = largest(partition.startOffset, wanted?.from)
    const cut = range.ends?.get(`${topic.name}/${partition.partition}`)
    const endOffset = nothing ? startOffset : largest(startOffset, smallest(smallest(partition.endOffset, wanted?.to), cut))
    const artifacts = partition.artifacts.filter(
      ({ firstOffset, lastOffset, maxTimestamp }) =>
        startOffset < endOffset &&
        lastOffset >= startOffset &&
        firstOffset < endOffset &&
        (range.fromTime === undefined || (maxTimestamp !== undefined && maxTimestamp >= range.fromTime)),
    )
    return { ...partition, startOffset, endOffset, artifacts }
  })
  return { ...topic, partitions }
}

/** What of the range holds for one topic. */
export function rangeOfTopic(range: RecordRange | undefined, topic: string): RecordRange | undefined {
  const toTime = range?.toTimes?.get(topic)
  return toTime === undefined ? range : { ...range, toTime: smallest(toTime, range?.toTime) }
}

/** True when a record of this timestamp is wanted. */
export function isInTime(range: RecordRange | undefined, timestamp: bigint): boolean {
  return (range?.fromTime === undefined || timestamp >= range.fromTime) && (range?.toTime === undefined || timestamp < range.toTime)
}

/** True when timestamps decide about records. */
export function hasTimes(range: RecordRange | undefined): boolean {
  return range?.fromTime !== undefined || range?.toTime !== undefined
}

/** Throws `usage` for a range that names a partition that the topics do not have. */
export function checkRange(topics: TopicPart[], range: RecordRange): void {
  for (const key of range.offsets?.keys() ?? []) {
    if (topics.some(({ name, partitions }) => partitions.some(({ partition }) => `${name}/${partition}` === key))) continue
    throw new DatapipeError('usage', `--offsets names ${key}, which is not among what is restored`, {
      path: key,
      hint: 'run `datapipe show` for the topics',
    })
  }
}

const largest = (a: bigint, b: bigint | undefined) => (b !== undefined && b > a ? b : a)
const smallest = (a: bigint, b: bigint | undefined) => (b !== undefined && b < a ? b : a)
