import { isUtf8 } from 'node:buffer'
import { javaUtf8 } from './java-utf8.ts'

const hex = Buffer.from('0123456789ABCDEF', 'latin1')
const [quote, backslash, zero, minus] = [0x22, 0x5c, 0x30, 0x2d]
/** The letter behind the backslash for characters that have one; 0 for the others. */
const short = new Uint8Array(128)
for (const [character, letter] of Object.entries({ '"': '"', '\\': '\\', '\b': 'b', '\t': 't', '\n': 'n', '\f': 'f', '\r': 'r' })) {
  short[character.charCodeAt(0)] = letter.charCodeAt(0)
}

/**
 * A growing buffer that JSON is written into, as Jackson writes it for Avro's JsonEncoder: control characters as `\n` or `\u000B` in upper case,
 * `/`, DEL and U+2028 raw, characters beyond U+FFFF as two escapes. `at` may be set back to undo what was written.
 */
export class JsonSink {
  bytes: Buffer
  at = 0

  constructor(size = 64 * 1024) {
    this.bytes = Buffer.allocUnsafe(size)
  }

  /** Makes room for `size` more bytes. */
  room(size: number): void {
    if (this.at + size <= this.bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.at + size, this.bytes.length * 2))
    this.bytes.copy(larger, 0, 0, this.at)
    this.bytes = larger
  }

  byte(value: number): void {
    if (this.at >= this.bytes.length) this.room(1)
    this.bytes[this.at++] = value
  }

  /** Copies bytes as they are. */
  raw(source: Uint8Array, from = 0, to: number = source.length): void {
    this.room(to - from)
    const { bytes } = this
    let at = this.at
    if (to - from > 48) {
      bytes.set(from === 0 && to === source.length ? source : source.subarray(from, to), at)
      at += to - from
    } else for (let index = from; index < to; index++) bytes[at++] = source[index] as number
    this.at = at
  }

  /** ASCII only, e.g. digits of a bigint. */
  ascii(text: string): void {
    this.room(text.length)
    for (let index = 0; index < text.length; index++) this.bytes[this.at++] = text.charCodeAt(index)
  }

  utf8(text: string): void {
    this.room(text.length * 3)
    this.at += this.bytes.write(text, this.at, 'utf8')
  }

  /** A whole number of at most 53 bits. */
  integer(value: number): void {
    this.room(17)
    const { bytes } = this
    let rest = value
    if (rest < 0) {
      bytes[this.at++] = minus
      rest = -rest
    }
    if (rest >= 0x80000000) {
      // Two halves of at most nine digits: 32-bit arithmetic is much faster.
      const high = Math.floor(rest / 1e9)
      this.#digits(high, 1)
      this.#digits(rest - high * 1e9, 9)
    } else this.#digits(rest, 1)
  }

  #digits(value: number, atLeast: number): void {
    let count = 1
    for (let limit = 10; limit <= value; limit *= 10) count++
    if (count < atLeast) count = atLeast
    const { bytes } = this
    let rest = value | 0
    for (let at = this.at + count - 1; at >= this.at; at--) {
      const next = (rest / 10) | 0
      bytes[at] = zero + rest - next * 10
      rest = next
    }
    this.at += count
  }

  /** A JSON string out of UTF-8 bytes. */
  stringOf(source: Buffer, from: number, to: number): void {
    this.room((to - from) * 6 + 2)
    const { bytes } = this
    let at = this.at
    bytes[at++] = quote
    for (let index = from; index < to; index++) {
      const byte = source[index] as number
      if (byte >= 0x80) {
        this.at = at
        this.#beyondAscii(source, index, to)
        return
      }
      if (byte >= 0x20 && byte !== quote && byte !== backslash) bytes[at++] = byte
      else at = escapeOf(bytes, at, byte)
    }
    bytes[at++] = quote
    this.at = at
  }

  /** A JSON string with one character per byte (ISO 8859-1), as bytes and fixed are written. */
  latin1Of(source: Uint8Array, from: number, to: number): void {
    this.room((to - from) * 6 + 2)
    const { bytes } = this
    let at = this.at
    bytes[at++] = quote
    for (let index = from; index < to; index++) {
      const byte = source[index] as number
      if (byte >= 0x80) {
        bytes[at++] = 0xc0 | (byte >> 6)
        bytes[at++] = 0x80 | (byte & 0x3f)
      } else if (byte >= 0x20 && byte !== quote && byte !== backslash) bytes[at++] = byte
      else at = escapeOf(bytes, at, byte)
    }
    bytes[at++] = quote
    this.at = at
  }

  /** A JSON string out of a JavaScript string. */
  string(text: string): void {
    const source = Buffer.from(text, 'utf8')
    this.stringOf(source, 0, source.length)
  }

  #beyondAscii(source: Buffer, from: number, to: number): void {
    const part = source.subarray(from, to)
    const valid = isUtf8(part) ? part : Buffer.from(javaUtf8(part), 'utf8')
    this.room(valid.length * 6 + 1)
    const { bytes } = this
    let at = this.at
    for (let index = 0; index < valid.length; index++) {
      const byte = valid[index] as number
      if (byte >= 0xf0) {
        const point =
          ((byte & 7) << 18) |
          (((valid[index + 1] as number) & 0x3f) << 12) |
          (((valid[index + 2] as number) & 0x3f) << 6) |
          ((valid[index + 3] as number) & 0x3f)
        index += 3
        at = unicode(bytes, at, 0xd800 + ((point - 0x10000) >> 10))
        at = unicode(bytes, at, 0xdc00 + (point & 0x3ff))
      } else if (byte >= 0x20 && byte !== quote && byte !== backslash) bytes[at++] = byte
      else at = escapeOf(bytes, at, byte)
    }
    bytes[at++] = quote
    this.at = at
  }
}

function escapeOf(bytes: Buffer, at: number, byte: number): number {
  const letter = short[byte] as number
  if (letter === 0) return unicode(bytes, at, byte)
  bytes[at] = backslash
  bytes[at + 1] = letter
  return at + 2
}

function unicode(bytes: Buffer, at: number, unit: number): number {
  bytes[at] = backslash
  bytes[at + 1] = 0x75
  bytes[at + 2] = hex[unit >> 12] as number
  bytes[at + 3] = hex[(unit >> 8) & 15] as number
  bytes[at + 4] = hex[(unit >> 4) & 15] as number
  bytes[at + 5] = hex[unit & 15] as number
  return at + 6
}
