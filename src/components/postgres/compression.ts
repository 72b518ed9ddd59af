import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { constants, createZstdCompress, createZstdDecompress } from 'node:zlib'
import { DatapipeError } from '../../base/errors.ts'

/** The one level for everything: the same bytes in give the same bytes out, which shared WAL files rely on. */
const level = 3

/** Compresses a stream as one Zstandard frame with a checksum of its content. Errors of the source come out of the iteration. */
export function compressed(source: Readable, signal: AbortSignal): AsyncIterable<Uint8Array> {
  const params = { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 }
  return through(source, createZstdCompress({ params, chunkSize: 1 << 18 }), signal)
}

/** The reverse. Damage the source reports (a wrong checksum at its end) comes out of the iteration too. */
export function decompressed(source: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncIterable<Uint8Array> {
  return through(Readable.from(source, { objectMode: false, highWaterMark: 1 << 18 }), createZstdDecompress({ chunkSize: 1 << 18 }), signal)
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
