import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { startTool } from '../../clients/exec.ts'

/** The uncompressed tar of a directory, made by the system's `tar`. Throws `tool-failed` at the end of the stream when tar does. */
export async function* tarOf(directory: string, options: { exclude: string[]; signal: AbortSignal }): AsyncIterable<Uint8Array> {
  const exclude = options.exclude.map((path) => `--exclude=./${path}`)
  await using tool = await startTool(
    'tar',
    ['--create', '--file=-', '--format=pax', '--numeric-owner', '--anchored', ...exclude, `--directory=${directory}`, '.'],
    {
      stdout: 'pipe',
      signal: options.signal,
    },
  )
  yield* tool.stdout as AsyncIterable<Uint8Array>
  await tool.succeeded()
}

/**
 * Unpacks a tar stream into a directory as the given owner. Throws what the stream throws (damage found at its end too), else
 * `tool-failed` when tar does. Until it resolves nothing of what was unpacked may be trusted.
 */
export async function untar(
  source: AsyncIterable<Uint8Array>,
  directory: string,
  options: { owner: { uid: number; gid: number } | undefined; signal: AbortSignal },
): Promise<void> {
  await feed(source, ['--extract', '--file=-', '--preserve-permissions', '--no-same-owner', `--directory=${directory}`], options)
}

/** Reads a tar stream to its end without unpacking: throws when it is not whole. Returns the number of its members. */
export async function checkTar(source: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<number> {
  const listing = await feed(source, ['--list', '--file=-'], { owner: undefined, signal })
  return listing.split('\n').length - 1
}

async function feed(
  source: AsyncIterable<Uint8Array>,
  args: string[],
  options: { owner: { uid: number; gid: number } | undefined; signal: AbortSignal },
): Promise<string> {
  await using tool = await startTool('tar', args, {
    stdin: true,
    signal: options.signal,
    ...(options.owner === undefined ? {} : { owner: options.owner }),
  })
  let failure: unknown
  let sourceFailed = false
  const watched = (async function* () {
    try {
      yield* source
    } catch (error) {
      sourceFailed = true
      throw error
    }
  })()
  try {
    await pipeline(Readable.from(watched, { objectMode: false, highWaterMark: 1 << 18 }), tool.stdin)
  } catch (error) {
    failure = error
  }
  // When the source failed, that is the reason; when tar has closed its end early, tar's own words are.
  if (sourceFailed) throw failure
  await tool.succeeded()
  if (failure !== undefined) throw failure
  return tool.output()
}

/** A file as a stream of bytes. */
export function fileBytes(path: string): AsyncIterable<Uint8Array> {
  return createReadStream(path, { highWaterMark: 1 << 18 }) as AsyncIterable<Uint8Array>
}
