import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { constants, createZstdCompress, createZstdDecompress } from 'node:zlib'

/** Ends the name of a stored file that is one Zstandard frame (with a checksum of its content) around its batches. */
export const zstdSuffix = '.zst'

/** Measured on change events and on random letters: level 3 takes three to twelve times as long, and gives files a tenth larger. */
const level = 1
/** Bytes that one visit to the thread pool gives at most: each costs a round trip. */
const chunkSize = 1024 * 1024

/**
 * Compresses a stream on Node's thread pool, each chunk while the next is worked on. `taken` is told of every chunk that is not read any more.
 * Errors of the source come out of the iteration.
 */
export async function* compressed(source: AsyncIterable<Uint8Array>, taken: (chunk: Uint8Array) => void): AsyncGenerator<Uint8Array> {
  const params = { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 }
  const options = { params, chunkSize, readableHighWaterMark: 2 * chunkSize }
  const zstd = createZstdCompress(options)
  const feed = async () => {
    let last: Promise<void> = Promise.resolve()
    for await (const chunk of source) {
      await last
      last = new Promise((resolve, reject) => {
        zstd.write(chunk, (error) => {
          if (error) return reject(error)
          taken(chunk)
          resolve()
        })
      })
      // Its failure is met at the next await; until then it must not count as unhandled.
      last.catch(() => {})
    }
    await last
    zstd.end()
  }
  const feeding = feed().catch((error: unknown) => {
    zstd.destroy()
    throw error
  })
  feeding.catch(() => {})
  try {
    for await (const chunk of zstd) yield chunk as Uint8Array
  } catch (error) {
    // What ended the source is the reason; what the loop saw is that the stream was destroyed.
    await feeding
    throw error
  }
  await feeding
}

/** The reverse. Errors of the source come out of the iteration; `isZstdFault` tells the decompressor's own. */
export async function* inflated(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const options = { chunkSize, writableHighWaterMark: chunkSize }
  const zstd = createZstdDecompress(options)
  const running = pipeline(Readable.from(source, { objectMode: false, highWaterMark: chunkSize }), zstd)
  running.catch(() => {})
  try {
    for await (const chunk of zstd) yield chunk as Uint8Array
  } catch (error) {
    await running
    throw error
  }
  await running
}

/** A decompressor's own words: the input is no Zstandard frame, or a damaged one. */
export function isZstdFault(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^Z(STD)?_/.test(String(error.code))
}
