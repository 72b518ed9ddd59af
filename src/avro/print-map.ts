import { type BinarySource, readBlockCount, readLength, take } from './binary-source.ts'
import { hashOrder, stringHash, utf8Hash } from './hash-order.ts'
import { javaUtf8 } from './java-utf8.ts'
import type { JsonSink } from './json-sink.ts'

interface Entry {
  /** Where `"key":value` lies in the sink. */
  from: number
  to: number
  hash: number
}

/**
 * Prints a map in the order of java.util.HashMap, which is what Avro's Java reader puts the entries into: the first block's count is the capacity
 * asked for, and of equal keys the last value counts at the first one's place. `javaKeys`: keys are Java strings and hash as such.
 * `value` prints one value; it is told which entry it is.
 */
export function printMap(
  source: BinarySource,
  sink: JsonSink,
  value: (source: BinarySource, sink: JsonSink, entry: number) => void,
  javaKeys: boolean,
): { order: number[] } {
  sink.byte(0x7b)
  const start = sink.at
  const entries: Entry[] = []
  const places = new Map<string, number>()
  const first = readBlockCount(source)
  for (let count = first; count > 0; count = readBlockCount(source)) {
    for (let index = 0; index < count; index++) {
      const from = take(source, readLength(source, 'strings'))
      const key = source.bytes.toString('latin1', from, source.at)
      const entry: Entry = { from: sink.at, to: 0, hash: 0 }
      entry.hash = javaKeys ? stringHash(javaUtf8(source.bytes.subarray(from, source.at))) : utf8Hash(source.bytes, from, source.at)
      sink.stringOf(source.bytes, from, source.at)
      sink.byte(0x3a)
      const place = places.get(key) ?? entries.length
      value(source, sink, place)
      entry.to = sink.at
      places.set(key, place)
      entries[place] = entry
    }
  }
  const order = hashOrder(
    entries.map(({ hash }) => hash),
    first,
  )
  arrange(sink, start, entries, order)
  sink.byte(0x7d)
  return { order }
}

/** Moves the entries' texts into their order, commas between them. */
function arrange(sink: JsonSink, start: number, entries: Entry[], order: number[]): void {
  if (entries.length === 1) return
  const texts = Buffer.from(sink.bytes.subarray(start, sink.at))
  sink.at = start
  for (const [index, place] of order.entries()) {
    const entry = entries[place]
    if (entry === undefined) continue
    if (index > 0) sink.byte(0x2c)
    sink.raw(texts, entry.from - start, entry.to - start)
  }
}
