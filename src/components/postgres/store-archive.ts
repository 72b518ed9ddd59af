import { once } from 'node:events'
import { Readable } from 'node:stream'
import type { Artifact, ArtifactWriter } from '../../repository/artifact.ts'
import { compressed, decompressorFor } from './compression.ts'
import type { TarReader } from './tar-reader.ts'

export interface ArchiveOptions {
  /** As the server sends it. */
  source: AsyncIterable<Buffer>
  /** Whether it is compressed already, as `path` says; otherwise it is compressed here. */
  isCompressed: boolean
  /** Where it is stored. */
  path: string
  /** Reads what is inside. */
  reader: TarReader
  writer: ArtifactWriter
  signal: AbortSignal
}

/**
 * Stores one archive of a base backup while its inside is read: neither needs room for a copy, and the server waits for the slower of them.
 * Nothing is stored when the archive is not whole.
 */
export async function storeArchive(options: ArchiveOptions): Promise<Artifact> {
  const { writer, path, isCompressed, signal } = options
  if (isCompressed) return await writer.write(path, readAside(options))
  return await writer.write(path, compressed(Readable.from(readInPassing(options), { objectMode: false, highWaterMark: 1 << 18 }), signal))
}

async function* readInPassing({ source, reader }: ArchiveOptions): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    reader.push(chunk)
    yield chunk
  }
  reader.end()
}

async function* readAside({ source, reader, path }: ArchiveOptions): AsyncGenerator<Buffer> {
  const plain = decompressorFor(path)
  const reading = readAll(plain, reader)
  // Whoever waits for it below gets its failure.
  reading.catch(() => {})
  try {
    for await (const chunk of source) {
      if (!plain.write(chunk)) await Promise.race([once(plain, 'drain'), reading])
      yield chunk
    }
    plain.end()
    await reading
  } finally {
    plain.destroy()
  }
}

async function readAll(plain: AsyncIterable<Buffer>, reader: TarReader): Promise<void> {
  for await (const chunk of plain) reader.push(chunk)
  reader.end()
}
