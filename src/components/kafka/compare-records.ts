import { createHash } from 'node:crypto'
import type { Finding } from '../../base/finding.ts'
import type { KafkaRecord } from '../../clients/kafka/records.ts'

export interface CompareOptions {
  /** `topic/partition`, for the findings. */
  item: string
  /** Names of the sides, for the messages. */
  sides: [string, string]
  /** Offsets must be the same (one and the same topic); otherwise only the order counts. */
  sameOffsets: boolean
  /** The topic is compacted: a record that one side lacks is none of its losses when a later one has the key, or when it is a tombstone. */
  compacted?: boolean
  /** Findings after which the comparison of this partition stops. */
  limit: number
  /** Positions of interest on either side: which record each points to is found on the way. */
  positions: [bigint[], bigint[]]
  /** Findings tell values by length and hash: those of Connect's own topics hold connectors' secrets, and findings end in logs and reports. */
  hideValues?: boolean
}

export interface Comparison {
  findings: Finding[]
  /**
   * Per side: position → number of the pair of records that it points to. Records that only one side has are not numbered: a position at
   * one points to the next pair. Without positions past a comparison that stopped early.
   */
  ordinals: [Map<bigint, bigint>, Map<bigint, bigint>]
}

/** How far the sides are searched for where they agree again after a difference. */
const lookAhead = 200
const lookAheadCompacted = 2000

/**
 * Compares two record streams of one partition in order: key, value, headers (order and duplicates), timestamp. A record that only one side
 * has is found as missing or extra, and the comparison goes on behind it. Memory: `lookAhead` records a side, and of a compacted topic the
 * key of every record that one side lacks.
 */
export async function compareRecords(
  a: AsyncGenerator<KafkaRecord[]>,
  b: AsyncGenerator<KafkaRecord[]>,
  options: CompareOptions,
): Promise<Comparison> {
  const left = openWindow(a, options.positions[0])
  const right = openWindow(b, options.positions[1])
  const findings: Finding[] = []
  const superseded = options.compacted ? awaitLaterKeys() : undefined
  const window = options.compacted ? lookAheadCompacted : lookAhead
  let pairs = 0n
  while (findings.length < options.limit) {
    await left.fill(1)
    await right.fill(1)
    const [one] = left.items
    const [other] = right.items
    if (one === undefined && other === undefined) break
    if (one !== undefined && other !== undefined) {
      if (differenceOf(one, other, options) === undefined) {
        superseded?.pass(one)
        left.drop(pairs)
        right.drop(pairs)
        pairs++
        continue
      }
    }
    await left.fill(window)
    await right.fill(window)
    const { finding, paired, only } = explain(left, right, options, pairs)
    if (one !== undefined && only !== other) superseded?.pass(one)
    if (other !== undefined && only !== one) superseded?.pass(other)
    if (only === undefined || superseded === undefined || !superseded.wait(only, finding)) findings.push(finding)
    if (paired) pairs++
  }
  findings.push(...(superseded?.left() ?? []).slice(0, options.limit - findings.length))
  if (findings.length < options.limit) {
    left.end(pairs)
    right.end(pairs)
  }
  return { findings, ordinals: [left.ordinals, right.ordinals] }
}

interface Explanation {
  finding: Finding
  paired: boolean
  /** The record that one side lacks. */
  only?: KafkaRecord
}

function explain(left: Window, right: Window, options: CompareOptions, pairs: bigint): Explanation {
  const [one] = left.items
  const [other] = right.items
  const same = (x: KafkaRecord | undefined, y: KafkaRecord | undefined) =>
    x !== undefined && y !== undefined && sameBytes(x.key, y.key) && sameBytes(x.value, y.value) && differenceOf(x, y, options) === undefined
  // In one and the same log the offsets tell who lacks what, however much compaction has taken.
  const byOffset = options.compacted === true && options.sameOffsets && one && other ? one.offset - other.offset : undefined
  const skippedLeft = byOffset === undefined ? left.items.findIndex((item) => same(item, other)) : byOffset < 0n ? 1 : -1
  const skippedRight = byOffset === undefined ? right.items.findIndex((item) => same(item, one)) : byOffset > 0n ? 1 : -1
  const rightIsExtra = skippedRight > 0 && (skippedLeft < 0 || skippedRight <= skippedLeft)
  if (other !== undefined && (one === undefined || rightIsExtra)) {
    right.drop(pairs)
    return { finding: onlyIn('record-extra', other, options, [options.sides[1], options.sides[0]]), paired: false, only: other }
  }
  if (one !== undefined && (other === undefined || skippedLeft > 0)) {
    left.drop(pairs)
    return { finding: onlyIn('record-missing', one, options, options.sides), paired: false, only: one }
  }
  left.drop(pairs)
  right.drop(pairs)
  const what = one === undefined || other === undefined ? '' : differenceOf(one, other, options)
  const message = `${what} (${options.sides[0]} offset ${one?.offset}, ${options.sides[1]} offset ${other?.offset})`
  return { finding: harm('record-differs', `${options.item}/${one?.offset}`, message), paired: true }
}

function onlyIn(code: string, record: KafkaRecord, options: CompareOptions, [has, lacks]: [string, string]): Finding {
  return harm(code, `${options.item}/${record.offset}`, `${has} has a record that ${lacks} lacks: ${describeRecord(record, options)}`)
}

/**
 * Records that one side lacks, by key, until a later one of that key has passed on either side: compaction takes those, and a tombstone
 * (once `delete.retention.ms` is over) even when none follows.
 */
function awaitLaterKeys() {
  const waiting = new Map<string, { record: KafkaRecord; finding: Finding }>()
  return {
    pass(record: KafkaRecord) {
      if (waiting.size > 0 && record.key !== null) waiting.delete(record.key.toString('latin1'))
    },
    /** False when compaction cannot have taken it: it has no key. */
    wait(record: KafkaRecord, finding: Finding): boolean {
      if (record.key === null) return false
      waiting.set(record.key.toString('latin1'), { record, finding })
      return true
    },
    left: () => [...waiting.values()].filter(({ record }) => record.value !== null).map(({ finding }) => finding),
  }
}

/** What differs first between two records, with both values; undefined when nothing does. */
function differenceOf(a: KafkaRecord, b: KafkaRecord, { sameOffsets, hideValues }: Pick<CompareOptions, 'sameOffsets' | 'hideValues'>) {
  const showValue = hideValues ? fingerprint : show
  if (sameOffsets && a.offset !== b.offset) return `offset ${a.offset} against ${b.offset}`
  if (!sameBytes(a.key, b.key)) return `key ${show(a.key)} against ${show(b.key)}`
  if (!sameBytes(a.value, b.value)) return `value ${showValue(a.value)} against ${showValue(b.value)} of key ${show(a.key)}`
  if (a.timestamp !== b.timestamp) return `timestamp ${a.timestamp} against ${b.timestamp} of key ${show(a.key)}`
  const differing =
    a.headers.length !== b.headers.length ||
    a.headers.some((header, index) => {
      const other = b.headers[index]
      return other === undefined || !header.key.equals(other.key) || !sameBytes(header.value, other.value)
    })
  return differing ? `headers ${showHeaders(a, showValue)} against ${showHeaders(b, showValue)} of key ${show(a.key)}` : undefined
}

function sameBytes(a: Buffer | null, b: Buffer | null): boolean {
  return a === null || b === null ? a === b : a.equals(b)
}

/** A record in one line: offset, key, value, timestamp. */
function describeRecord({ offset, key, value, timestamp }: KafkaRecord, { hideValues }: Pick<CompareOptions, 'hideValues'>): string {
  return `offset ${offset}, key ${show(key)}, value ${hideValues ? fingerprint(value) : show(value)}, timestamp ${timestamp}`
}

/** Enough to tell two values apart, and nothing of what they say. */
function fingerprint(bytes: Buffer | null): string {
  return bytes === null ? 'null' : `${bytes.length} bytes (SHA-256 ${createHash('sha256').update(bytes).digest('hex').slice(0, 12)}…)`
}

function show(bytes: Buffer | null): string {
  if (bytes === null) return 'null'
  const text = bytes.toString('utf8')
  const readable = Buffer.from(text, 'utf8').equals(bytes) && [...text].every((char) => char >= ' ' || char === '\n' || char === '\t')
  const full = readable ? JSON.stringify(text) : `0x${bytes.toString('hex')}`
  return full.length > 120 ? `${full.slice(0, 120)}… (${bytes.length} bytes)` : full
}

const showHeaders = (record: KafkaRecord, showValue: (bytes: Buffer | null) => string) =>
  `[${record.headers.map(({ key, value }) => `${show(key)}: ${showValue(value)}`).join(', ')}]`

interface Window {
  items: KafkaRecord[]
  ordinals: Map<bigint, bigint>
  fill(count: number): Promise<void>
  /** Leaves the first record behind; positions up to it point to pair `number`. */
  drop(number: bigint): void
  /** The stream is at its end: positions not met yet lie behind every record. */
  end(number: bigint): void
}

function openWindow(source: AsyncGenerator<KafkaRecord[]>, positions: bigint[]): Window {
  const items: KafkaRecord[] = []
  const waiting = [...new Set(positions)].sort((a, b) => (a < b ? -1 : 1))
  const ordinals = new Map<bigint, bigint>()
  let ended = false
  let portion: Iterator<KafkaRecord> = [].values()
  return {
    items,
    ordinals,
    async fill(count) {
      while (items.length < count && !ended) {
        const next = portion.next()
        if (!next.done) {
          items.push(next.value)
          continue
        }
        const more = await source.next()
        if (more.done) ended = true
        else portion = more.value.values()
      }
    },
    drop(number) {
      const record = items.shift()
      if (record === undefined) return
      while (waiting[0] !== undefined && waiting[0] <= record.offset) ordinals.set(waiting.shift() ?? 0n, number)
    },
    end(number) {
      for (const position of waiting.splice(0)) ordinals.set(position, number)
    },
  }
}

function harm(code: string, item: string, message: string): Finding {
  return { severity: 'harm', code, component: 'kafka', item, message }
}
