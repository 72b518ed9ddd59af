import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { DatapipeError } from '../../base/errors.ts'
import { wasmCodecs } from '../wasm-codecs.ts'

/** The five codecs of the record batch format; the index is the value of the three lowest attribute bits. */
export const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
export type Codec = (typeof codecs)[number]

/**
 * Inflates the records of a batch. Snappy may be raw or framed as xerial does it (Java clients), lz4 is the frame format.
 * Throws whatever the codec throws on damaged input.
 */
export function decompress(codec: Codec, bytes: Buffer): Buffer {
  switch (codec) {
    case 'none':
      return bytes
    case 'gzip':
      return gunzipSync(bytes)
    case 'zstd':
      return zstdDecompressSync(bytes)
    case 'lz4':
      return wasmCodecs().lz4Decompress(bytes)
    case 'snappy':
      return unsnap(bytes)
  }
}

/** Deflates the records of a batch, in a form that brokers and every client read. */
export function compress(codec: Codec, bytes: Buffer): Buffer {
  switch (codec) {
    case 'none':
      return bytes
    case 'gzip':
      return gzipSync(bytes)
    case 'zstd':
      return zstdCompressSync(bytes)
    case 'lz4':
      return wasmCodecs().lz4Compress(bytes)
    case 'snappy':
      return wasmCodecs().snappyCompress(bytes)
  }
}

const xerialMagic = Buffer.from('\x82SNAPPY\0', 'latin1')
/** The magic and two versions, INT32 each. */
const xerialHeader = 16

/** Raw snappy, or xerial's frames of it: [length INT32, snappy] to the end. */
function unsnap(bytes: Buffer): Buffer {
  const { snappyDecompress } = wasmCodecs()
  if (!bytes.subarray(0, xerialMagic.length).equals(xerialMagic)) return snappyDecompress(bytes)
  const pieces: Buffer[] = []
  for (let at = xerialHeader; at < bytes.length; ) {
    const from = at + 4
    const to = from > bytes.length ? Number.POSITIVE_INFINITY : from + bytes.readUInt32BE(at)
    if (to > bytes.length)
      throw new DatapipeError('kafka-corrupt', `a snappy frame at byte ${at} goes beyond the ${bytes.length} bytes of its records`)
    pieces.push(snappyDecompress(bytes.subarray(from, to)))
    at = to
  }
  return Buffer.concat(pieces)
}
