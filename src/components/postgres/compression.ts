import { Readable, type Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { constants, createZstdCompress, createZstdDecompress } from 'node:zlib'
import { DatapipeError } from '../../base/errors.ts'
import { lz4Decompressor } from './lz4-frame.ts'

/** The one level for everything: the same bytes in give the same bytes out, which shared WAL files rely on. */
export const zstdLevel = 3

const chunkSize = 1 << 18
/** An archive's bytes are also on their way to the storage: neither shall wait for the other at every chunk. */
const decompressing = { chunkSize, writableHighWaterMark: 1 << 20 }

/** Compresses a stream as one Zstandard frame with a checksum of its content. Errors of the source come out of the iteration. */
export function compressed(source: Readable, signal: AbortSignal): AsyncIterable<Uint8Array> {
  const params = { [constants.ZSTD_c_compressionLevel]: zstdLevel, [constants.ZSTD_c_checksumFlag]: 1 }
  return through(source, createZstdCompress({ params, chunkSize }), signal)
}

/** What a stored file's name says of how it is compressed. */
export function decompressorFor(path: string): Transform {
  return path.endsWith('.lz4') ? lz4Decompressor() : createZstdDecompress(decompressing)
}

/**
 * The reverse, by Zstandard or, for a `path` that ends in `.lz4`, by LZ4. Damage that the source reports (a wrong checksum at its end)
 * comes out of the iteration too.
 */
export function decompressed(source: AsyncIterable<Uint8Array>, signal: AbortSignal, path = ''): AsyncIterable<Uint8Array> {
  return through(Readable.from(source), decompressorFor(path), signal)
}

/** A decompressor's own words: the input is no stream of its kind, or a damaged one. */
export function isDecompressionFault(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^Z(STD)?_/.test(String(error.code))
}

async function* through(source: Readable, transform: NodeJS.ReadWriteStream & Readable, signal: AbortSignal): AsyncIterable<Uint8Array> {
  const running = pipeline(source, transform, { signal })
  // The failure also destroys the transform, so the loop below ends; the error itself is thrown after it.
  running.catch(() => {})
  try {
    for await (const chunk of transform) yield chunk as Uint8Array
    await running
  } catch (error) {
    if (signal.aborted) throw new DatapipeError('interrupted', 'interrupted', { cause: error })
    // What ended the pipeline is the reason; what the loop saw is that it ended.
    await running
    throw error
  }
}
