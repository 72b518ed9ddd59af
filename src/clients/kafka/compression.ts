import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { kafkaDriver } from './driver.ts'

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
    default:
      return kafkaDriver().compressionsAlgorithms[codec].decompressSync(bytes)
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
    default:
      return kafkaDriver().compressionsAlgorithms[codec].compressSync(bytes)
  }
}
