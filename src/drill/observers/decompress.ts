import { gunzipSync, zstdDecompressSync } from 'node:zlib'

/** Uncompresses the records of a batch by the codec number in its attributes: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd. */
export function decompress(codec: number, bytes: Buffer): Buffer {
  if (codec === 0) return bytes
  if (codec === 1) return gunzipSync(bytes)
  if (codec === 2) return snappy(bytes)
  if (codec === 3) return lz4Frame(bytes)
  if (codec === 4) return zstdDecompressSync(bytes)
  throw new Error(`unknown compression codec ${codec}`)
}

const xerialMagic = Buffer.from('82534e4150505900', 'hex')

/** Snappy blocks, bare or in the framing of snappy-java (magic, two versions, then length and block, repeated). */
function snappy(bytes: Buffer): Buffer {
  if (!bytes.subarray(0, 8).equals(xerialMagic)) return snappyBlock(bytes)
  const blocks: Buffer[] = []
  for (let at = 16; at < bytes.length; ) {
    const length = bytes.readInt32BE(at)
    blocks.push(snappyBlock(bytes.subarray(at + 4, at + 4 + length)))
    at += 4 + length
  }
  return Buffer.concat(blocks)
}

/** Snappy raw format: uncompressed length as a varint, then literals (tag 0) and copies with 1, 2 or 4 bytes of distance. */
function snappyBlock(bytes: Buffer): Buffer {
  let at = 0
  let size = 0
  for (let shift = 0; ; shift += 7) {
    const byte = bytes.readUInt8(at++)
    size += (byte & 0x7f) * 2 ** shift
    if (byte < 0x80) break
  }
  const out = new Output(size)
  while (at < bytes.length) {
    const tag = bytes.readUInt8(at++)
    const kind = tag & 3
    if (kind === 0) {
      let length = tag >> 2
      if (length >= 60) {
        const extra = length - 59
        length = bytes.readUIntLE(at, extra)
        at += extra
      }
      out.literal(bytes.subarray(at, at + length + 1))
      at += length + 1
    } else if (kind === 1) {
      out.copy(((tag >> 5) << 8) | bytes.readUInt8(at++), 4 + ((tag >> 2) & 7))
    } else {
      const width = kind === 2 ? 2 : 4
      out.copy(bytes.readUIntLE(at, width), 1 + (tag >> 2))
      at += width
    }
  }
  return out.done(size)
}

/** LZ4 frames: magic, flags, [content size], header checksum, blocks (high bit: stored), end mark, [checksums, not checked: the batch has a CRC]. */
function lz4Frame(bytes: Buffer): Buffer {
  if (bytes.readUInt32LE(0) !== 0x184d2204) throw new Error('not an lz4 frame')
  const flags = bytes.readUInt8(4)
  let at = 6 + ((flags & 8) !== 0 ? 8 : 0) + ((flags & 1) !== 0 ? 4 : 0) + 1
  const out = new Output(bytes.length * 4)
  for (;;) {
    const word = bytes.readUInt32LE(at)
    at += 4
    if (word === 0) return out.done()
    const length = word & 0x7fffffff
    const block = bytes.subarray(at, at + length)
    if (word >>> 31 === 1) out.literal(block)
    else lz4Block(block, out)
    at += length + ((flags & 16) !== 0 ? 4 : 0)
  }
}

function lz4Block(bytes: Buffer, out: Output): void {
  let at = 0
  const extended = (start: number): number => {
    let length = start
    if (start < 15) return length
    for (;;) {
      const byte = bytes.readUInt8(at++)
      length += byte
      if (byte < 255) return length
    }
  }
  while (at < bytes.length) {
    const token = bytes.readUInt8(at++)
    const literals = extended(token >> 4)
    out.literal(bytes.subarray(at, at + literals))
    at += literals
    if (at >= bytes.length) return
    const distance = bytes.readUInt16LE(at)
    at += 2
    out.copy(distance, extended(token & 15) + 4)
  }
}

/** Grows as needed; copies may overlap what they write. */
class Output {
  private buffer: Buffer
  private length = 0
  constructor(size: number) {
    this.buffer = Buffer.alloc(Math.max(size, 64))
  }
  literal(bytes: Buffer): void {
    this.room(bytes.length)
    bytes.copy(this.buffer, this.length)
    this.length += bytes.length
  }
  copy(distance: number, count: number): void {
    if (distance === 0 || distance > this.length) throw new Error('compressed data points before its start')
    this.room(count)
    for (let left = count; left > 0; left--, this.length++) this.buffer[this.length] = this.buffer[this.length - distance] as number
  }
  done(expected?: number): Buffer {
    if (expected !== undefined && expected !== this.length) throw new Error(`uncompressed to ${this.length} bytes instead of ${expected}`)
    return this.buffer.subarray(0, this.length)
  }
  private room(count: number): void {
    if (this.length + count <= this.buffer.length) return
    const larger = Buffer.alloc(Math.max(this.buffer.length * 2, this.length + count))
    this.buffer.copy(larger, 0, 0, this.length)
    this.buffer = larger
  }
}
