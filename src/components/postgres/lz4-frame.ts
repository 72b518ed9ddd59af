import { Transform } from 'node:stream'
import { DatapipeError } from '../../base/errors.ts'

/** Bytes that a match may reach back, also into the block before (LZ4 block format: 64 KiB). */
const window = 1 << 16

/**
 * Decompresses LZ4 frames as PostgreSQL's servers write them (LZ4 frame format 1.6: magic, FLG, BD, [content size], [dictionary id], HC, then blocks
 * of a 32-bit length whose high bit says "stored", a zero, [content checksum]). Checksums inside the frame are passed over: the
 * repository has a SHA-256 of it all. Throws `artifact-damaged`.
 */
export function lz4Decompressor(): Transform {
  let pending: Buffer = Buffer.alloc(0)
  let frame: { blockChecksum: boolean; contentChecksum: boolean; block: number } | undefined
  let ended = false
  /** The last output: a match may reach back into it. */
  let before: Buffer = Buffer.alloc(0)

  /** Takes one header, block or end from `bytes` at `at`; returns the position behind it, or undefined when it is not all there. */
  const step = (bytes: Buffer, at: number, emit: (chunk: Buffer) => void): number | undefined => {
    if (frame === undefined) {
      if (bytes.length - at < 7) return undefined
      if (bytes.readUInt32LE(at) !== 0x184d2204) throw damaged('does not begin with a frame')
      const flags = bytes.readUInt8(at + 4)
      if (flags >> 6 !== 1) throw damaged('has a frame of an unknown version')
      const length = 7 + ((flags & 8) !== 0 ? 8 : 0) + ((flags & 1) !== 0 ? 4 : 0)
      if (bytes.length - at < length) return undefined
      const block = 1 << (8 + 2 * ((bytes.readUInt8(at + 5) >> 4) & 7))
      frame = { blockChecksum: (flags & 16) !== 0, contentChecksum: (flags & 4) !== 0, block }
      before = Buffer.alloc(0)
      ended = false
      return at + length
    }
    if (bytes.length - at < 4) return undefined
    const word = bytes.readUInt32LE(at)
    if (word === 0) {
      const length = 4 + (frame.contentChecksum ? 4 : 0)
      if (bytes.length - at < length) return undefined
      frame = undefined
      ended = true
      return at + length
    }
    const length = word & 0x7fffffff
    const next = at + 4 + length + (frame.blockChecksum ? 4 : 0)
    if (length > frame.block) throw damaged('has a block that is too long')
    if (bytes.length < next) return undefined
    // New memory for each block, with what a match may reach in front of it: whoever takes the block may keep it.
    const output = Buffer.allocUnsafe(window + frame.block)
    const from = before.copy(output)
    const stored = word >>> 31 === 1
    const end = stored ? from + bytes.copy(output, from, at + 4, at + 4 + length) : decodeBlock(bytes, at + 4, at + 4 + length, output, from)
    emit(output.subarray(from, end))
    before = output.subarray(Math.max(0, end - window), end)
    return next
  }

  return new Transform({
    writableHighWaterMark: 1 << 20,
    // One block an object: a stream of bytes would join what waits, which copies it all once more.
    readableObjectMode: true,
    readableHighWaterMark: 4,
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

/** LZ4 block format: token (literal length, match length - 4), literals, distance in two bytes, match; lengths of 15 go on in further bytes. Returns the end in `out`. */
function decodeBlock(bytes: Buffer, start: number, end: number, out: Buffer, outStart: number): number {
  let at = start
  let to = outStart
  const limit = out.length
  while (at < end) {
    const token = bytes[at++] as number
    let literals = token >>> 4
    if (literals === 15) {
      let more: number
      do {
        more = bytes[at++] as number
        literals += more
      } while (more === 255)
    }
    if (at + literals > end || to + literals > limit) throw damaged('has a literal that reaches too far')
    if (literals > 32) {
      bytes.copy(out, to, at, at + literals)
      to += literals
      at += literals
    } else for (const stop = at + literals; at < stop; ) out[to++] = bytes[at++] as number
    if (at === end) return to
    const distance = (bytes[at] as number) | ((bytes[at + 1] as number) << 8)
    at += 2
    let length = token & 15
    if (length === 15) {
      let more: number
      do {
        more = bytes[at++] as number
        length += more
      } while (more === 255)
    }
    length += 4
    let from = to - distance
    if (distance === 0 || from < 0 || to + length > limit || at > end) throw damaged('has a match that reaches too far')
    if (distance >= length && length > 48) {
      out.copyWithin(to, from, from + length)
      to += length
    } else if (length > 96 && distance < length) {
      // A pattern that repeats: doubled until it is long enough.
      const stop = to + length
      let have = distance
      for (let place = to; place < stop; ) {
        const part = Math.min(have, stop - place)
        out.copyWithin(place, from, from + part)
        place += part
        have += part
      }
      to = stop
    } else for (const stop = to + length; to < stop; ) out[to++] = out[from++] as number
  }
  return to
}

function damaged(what: string): DatapipeError {
  return new DatapipeError('artifact-damaged', `the lz4 stream ${what}`)
}
