/** Avro binary under construction: bytes up to `at` are written. Grows as needed. */
export interface Sink {
  bytes: Buffer
  at: number
}

export function newSink(size = 1024): Sink {
  return { bytes: Buffer.allocUnsafeSlow(size), at: 0 }
}

/** Makes room for `count` more bytes. */
export function reserve(sink: Sink, count: number): void {
  if (sink.at + count <= sink.bytes.length) return
  const larger = Buffer.allocUnsafeSlow(Math.max(sink.bytes.length * 2, sink.at + count))
  sink.bytes.copy(larger, 0, 0, sink.at)
  sink.bytes = larger
}

/** A zigzag varint of 32 bits: int, and long where it is that small. */
export function putInt(sink: Sink, value: number): void {
  reserve(sink, 5)
  let raw = ((value << 1) ^ (value >> 31)) >>> 0
  while (raw > 0x7f) {
    sink.bytes[sink.at++] = (raw & 0x7f) | 0x80
    raw >>>= 7
  }
  sink.bytes[sink.at++] = raw
}

/** A zigzag varint of 64 bits. */
export function putLong(sink: Sink, value: bigint): void {
  reserve(sink, 10)
  let raw = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n))
  while (raw > 0x7fn) {
    sink.bytes[sink.at++] = Number(raw & 0x7fn) | 0x80
    raw >>= 7n
  }
  sink.bytes[sink.at++] = Number(raw)
}

export function putFloat(sink: Sink, value: number): void {
  reserve(sink, 4)
  sink.at = sink.bytes.writeFloatLE(value, sink.at)
}

export function putDouble(sink: Sink, value: number): void {
  reserve(sink, 8)
  sink.at = sink.bytes.writeDoubleLE(value, sink.at)
}

export function putByte(sink: Sink, value: number): void {
  reserve(sink, 1)
  sink.bytes[sink.at++] = value
}

const shortText = 48

function soundText(text: string): string {
  return text.isWellFormed() ? text : text.replaceAll(/\p{Surrogate}/gu, '?')
}

/** UTF-8 bytes as Java's encoder makes them. */
export function utf8OfText(text: string): Buffer {
  return Buffer.from(soundText(text), 'utf8')
}

/** Length and UTF-8 bytes. A lone surrogate becomes `?`, as Java's encoder does it. */
export function putString(sink: Sink, text: string): void {
  const { length } = text
  if (length <= shortText) {
    reserve(sink, length + 1)
    const { bytes, at } = sink
    let index = 0
    for (; index < length; index++) {
      const code = text.charCodeAt(index)
      if (code > 0x7f) break
      bytes[at + 1 + index] = code
    }
    if (index === length) {
      bytes[at] = length << 1
      sink.at = at + 1 + length
      return
    }
  }
  const sound = soundText(text)
  const size = Buffer.byteLength(sound, 'utf8')
  putInt(sink, size)
  reserve(sink, size)
  sink.at += sink.bytes.write(sound, sink.at, size, 'utf8')
}

/** The bytes that a JSON string stands for: one per character; `?` for one beyond U+00FF, also for a whole surrogate pair. */
export function bytesOfText(text: string): Buffer {
  return Buffer.from(text.replaceAll(/[\ud800-\udbff][\udc00-\udfff]|[^\0-\xff]/g, '?'), 'latin1')
}

export function putBytes(sink: Sink, bytes: Uint8Array): void {
  reserve(sink, bytes.length)
  sink.bytes.set(bytes, sink.at)
  sink.at += bytes.length
}

/** Writes a block count in front of what was written from `from` on. */
export function insertCount(sink: Sink, from: number, count: number): void {
  const end = sink.at
  putInt(sink, count)
  const size = sink.at - end
  reserve(sink, size)
  const head = Buffer.from(sink.bytes.subarray(end, end + size))
  sink.bytes.copyWithin(from + size, from, end)
  sink.bytes.set(head, from)
  sink.at = end + size
}
