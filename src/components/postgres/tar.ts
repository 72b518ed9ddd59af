import { once } from 'node:events'
import { createReadStream } from 'node:fs'
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
  let closed = false
  // tar stops reading when it has seen the end of the archive, or when it fails: its exit code says which.
  const close = () => {
    closed = true
  }
  tool.stdin.once('error', close)
  void tool.ended.then(close)
  // The source is read to its end all the same: only there does it say whether every byte was right.
  for await (const chunk of source) {
    if (closed) await tool.succeeded()
    else if (!tool.stdin.write(chunk)) await Promise.race([once(tool.stdin, 'drain').catch(close), tool.ended])
  }
  tool.stdin.end()
  await tool.succeeded()
  return tool.output()
}

/** A file as a stream of bytes. */
export function fileBytes(path: string): AsyncIterable<Uint8Array> {
  return createReadStream(path, { highWaterMark: 1 << 18 }) as AsyncIterable<Uint8Array>
}
