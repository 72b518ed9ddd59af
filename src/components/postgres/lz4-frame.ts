import { Transform } from 'node:stream'
import { DatapipeError } from '../../base/errors.ts'
import { wasmCodecs } from '../../clients/wasm-codecs.ts'

/** Bytes that a match may reach back, also into the block before (LZ4 block format: 64 KiB). */
const window = 1 << 16
/** Plain bytes that are decompressed at a time, rounded up to a block. */
const batchBytes = 1 << 20
/** The sizes of blocks that there are (BD, bits 4 to 6), and the checksum of our header with each. */
const blockSizes = new Map([
  [4, { size: 1 << 16, checksum: 0xc0 }],
  [5, { size: 1 << 18, checksum: 0x77 }],
  [6, { size: 1 << 20, checksum: 0x96 }],
  [7, { size: 1 << 22, checksum: 0xdf }],
])

interface Frame {
  blockChecksum: boolean
  contentChecksum: boolean
  blockSize: number
  /** Magic, FLG (blocks that reach back, no checksums), BD, HC. */
  header: Buffer
}

/**
 * Decompresses LZ4 frames as PostgreSQL's servers write them (LZ4 frame format 1.6: magic, FLG, BD, [content size], [dictionary id], HC, then blocks
 * of a 32-bit length whose high bit says "stored", a zero, [content checksum]). Checksums inside the frame are passed over: the
 * repository has a SHA-256 of it all. Throws `artifact-damaged`.
 *
 * The decompressor knows whole frames alone, and a server writes one of gigabytes. So some blocks at a time become a frame of their own, behind
 * the last 64 KiB of the plain text as a stored block, into which they reach back.
 */
export function lz4Decompressor(): Transform {
  let pending: Buffer = Buffer.alloc(0)
  let frame: Frame | undefined
  let ended = false
  let before: Buffer = Buffer.alloc(0)
  /** Blocks with their lengths in front, that wait until there are enough. */
  let blocks: Buffer[] = []
  let waiting = 0

  const decompress = ({ header }: Frame, emit: (plain: Buffer) => void) => {
    if (blocks.length === 0) return
    const plain = inflate(Buffer.concat([header, ...(before.length === 0 ? [] : [word(before.length + 0x80000000), before]), ...blocks, word(0)]))
    const fresh = plain.subarray(before.length)
    emit(fresh)
    before = fresh.length >= window ? fresh.subarray(-window) : plain.subarray(-window)
    blocks = []
    waiting = 0
  }

  /** Takes one header, block or end from `bytes` at `at`; returns the position behind it, or undefined when it is not all there. */
  const step = (bytes: Buffer, at: number, emit: (plain: Buffer) => void): number | undefined => {
    if (frame === undefined) {
      const found = readHeader(bytes, at)
      if (found === undefined) return undefined
      frame = found.frame
      before = Buffer.alloc(0)
      ended = false
      return found.next
    }
    if (bytes.length - at < 4) return undefined
    const length = bytes.readUInt32LE(at) & 0x7fffffff
    if (length === 0) {
      const next = at + 4 + (frame.contentChecksum ? 4 : 0)
      if (bytes.length < next) return undefined
      decompress(frame, emit)
      frame = undefined
      ended = true
      return next
    }
    if (length > frame.blockSize) throw damaged('has a block that is too long')
    const next = at + 4 + length + (frame.blockChecksum ? 4 : 0)
    if (bytes.length < next) return undefined
    blocks.push(bytes.subarray(at, at + 4 + length))
    waiting += frame.blockSize
    if (waiting >= batchBytes) decompress(frame, emit)
    return next
  }

  return new Transform({
    writableHighWaterMark: 1 << 20,
    // One piece an object: a stream of bytes would join what waits, which copies it all once more.
    readableObjectMode: true,
    readableHighWaterMark: 2,
    transform(chunk: Buffer, _encoding, done) {
      try {
        const bytes = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
        let at = 0
        for (let next = step(bytes, at, (out) => this.push(out)); next !== undefined; next = step(bytes, at, (out) => this.push(out))) at = next
        pending = bytes.subarray(at)
        done()
      } catch (error) {
        done(error as Error)
      }
    },
    flush(done) {
      done(ended && pending.length === 0 ? null : damaged('ends early'))
    },
  })
}

function readHeader(bytes: Buffer, at: number): { frame: Frame; next: number } | undefined {
  if (bytes.length - at < 7) return undefined
  if (bytes.readUInt32LE(at) !== 0x184d2204) throw damaged('does not begin with a frame')
  const flags = bytes.readUInt8(at + 4)
  if (flags >> 6 !== 1) throw damaged('has a frame of an unknown version')
  const code = (bytes.readUInt8(at + 5) >> 4) & 7
  const block = blockSizes.get(code)
  if (block === undefined) throw damaged('has blocks of an unknown size')
  const next = at + 7 + ((flags & 8) !== 0 ? 8 : 0) + ((flags & 1) !== 0 ? 4 : 0)
  if (bytes.length < next) return undefined
  const header = Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x40, code << 4, block.checksum])
  return { frame: { blockChecksum: (flags & 16) !== 0, contentChecksum: (flags & 4) !== 0, blockSize: block.size, header }, next }
}

function word(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32LE(value)
  return bytes
}

function inflate(frame: Buffer): Buffer {
  try {
    return wasmCodecs().lz4Decompress(frame)
  } catch (cause) {
    throw damaged('has a block that cannot be decompressed', cause)
  }
}

function damaged(what: string, cause?: unknown): DatapipeError {
  return new DatapipeError('artifact-damaged', `the lz4 stream ${what}`, { cause })
}
