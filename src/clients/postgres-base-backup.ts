import type pg from 'pg'
import { DatapipeError } from '../base/errors.ts'
import { type Lsn, parseLsn } from '../base/lsn.ts'
import { heldQueue } from './held-queue.ts'
import { openPostgres, postgresFault, quoteLiteral } from './postgres.ts'

/**
 * What the server sends, in order: `base.tar` and its data, each tablespace's `OID.tar` and its data, the manifest and its data.
 * Compressed archives are called `.zst` or `.lz4` behind that; the manifest is never compressed.
 */
export type BaseBackupMessage = { kind: 'archive'; name: string } | { kind: 'manifest' } | { kind: 'data'; bytes: Buffer }

/** A base backup that has begun. Disposing it before its end breaks the connection, which ends it on the server too. */
export interface BaseBackupStream extends AsyncDisposable {
  readonly startLsn: Lsn
  readonly timeline: number
  /** The server's estimate of all that it will send, before compression. */
  readonly bytes: number
  /** To be read once, to its end; what the server sends next waits meanwhile. Throws like a query. */
  readonly messages: AsyncIterable<BaseBackupMessage>
}

/** `workers` are threads, for zstd alone. */
export interface BackupCompression {
  method: 'zstd' | 'lz4'
  level?: number
  workers?: number
}

export interface BaseBackupOptions {
  label: string
  /** By the server; as it is when left out. */
  compression?: BackupCompression | undefined
  /** Bytes that the server has read so far. */
  onProgress?: (bytes: number) => void
  signal?: AbortSignal
}

/** Bytes of messages that wait in memory before the server has to wait. */
const heldBytes = 4 << 20

/**
 * BASE_BACKUP of the streaming replication protocol (PostgreSQL 15 and newer): what pg_basebackup speaks, without its files. Fast
 * checkpoint, no WAL, no wait for the archive, a manifest with CRC-32C. Resolves when the server has begun to send.
 * Throws like connectPostgres; `not-supported` when the server was built without this compression, or without workers for it.
 */
export async function startBaseBackup(url: string, options: BaseBackupOptions): Promise<BaseBackupStream> {
  const { signal } = options
  const client = await openPostgres(url, { replication: true, ...(signal && { signal }) })
  const abort = () => void client.end()
  signal?.addEventListener('abort', abort, { once: true })
  const dispose = async () => {
    signal?.removeEventListener('abort', abort)
    await client.end()
  }
  const fault = (error: unknown) => (signal?.aborted ? new DatapipeError('interrupted', 'interrupted during the base backup') : translate(error, url))
  try {
    const queue = heldQueue<BaseBackupMessage>(heldBytes)
    const rows = await begin(client, queue, options)
    const [first = [], ...spaces] = rows
    return {
      startLsn: parseLsn(first[0] ?? ''),
      timeline: Number(first[1]),
      bytes: spaces.reduce((sum, row) => sum + Number(row[2] ?? 0) * 1024, 0),
      messages: mapFault(queue, fault),
      [Symbol.asyncDispose]: dispose,
    }
  } catch (error) {
    await dispose()
    throw fault(error)
  }
}

function command({ label, compression }: BaseBackupOptions): string {
  const detail = (['level', 'workers'] as const).flatMap((name) => (compression?.[name] === undefined ? [] : [`${name}=${compression[name]}`]))
  const options = [
    `LABEL ${quoteLiteral(label)}`,
    'PROGRESS true',
    "CHECKPOINT 'fast'",
    'WAIT false',
    "MANIFEST 'yes'",
    "MANIFEST_CHECKSUMS 'CRC32C'",
    ...(compression === undefined ? [] : [`COMPRESSION ${quoteLiteral(compression.method)}`]),
    ...(detail.length === 0 ? [] : [`COMPRESSION_DETAIL ${quoteLiteral(detail.join(','))}`]),
  ]
  return `BASE_BACKUP (${options.join(', ')})`
}

type Queue = ReturnType<typeof heldQueue<BaseBackupMessage>>

/** Sends the command; messages go into the queue. Resolves with the rows before the copy: start position and timeline, then OID, location, kB of each tablespace. */
function begin(client: pg.Client, queue: Queue, options: BaseBackupOptions): Promise<(string | null)[][]> {
  return new Promise((resolve, reject) => {
    const rows: (string | null)[][] = []
    const fail = (error: unknown) => {
      reject(error)
      queue.end(error)
    }
    client.query({
      submit(connection: pg.Connection) {
        queue.attach(connection.stream)
        connection.once('copyOutResponse', () => resolve([...rows]))
        connection.query(command(options))
      },
      handleRowDescription() {},
      handleDataRow: ({ fields }: { fields: (string | null)[] }) => void rows.push(fields),
      handleCommandComplete() {},
      handleCopyData({ chunk }: { chunk: Buffer }) {
        const message = readMessage(chunk, options)
        if (message !== undefined) queue.push(message, message.kind === 'data' ? message.bytes.length : 0)
      },
      handleError: fail,
      handleReadyForQuery: () => queue.end(),
    })
  })
}

/**
 * CopyData of BASE_BACKUP: `n` name NUL tablespace NUL (a new archive) · `m` (the manifest begins) · `d` bytes · `p` int64 (progress).
 * The driver uses its buffer again: bytes are copied.
 */
function readMessage(chunk: Buffer, { onProgress }: BaseBackupOptions): BaseBackupMessage | undefined {
  const type = String.fromCharCode(chunk[0] ?? 0)
  if (type === 'd') return { kind: 'data', bytes: Buffer.from(chunk.subarray(1)) }
  if (type === 'n') return { kind: 'archive', name: chunk.toString('utf8', 1, chunk.indexOf(0, 1)) }
  if (type === 'm') return { kind: 'manifest' }
  if (type === 'p') onProgress?.(Number(chunk.readBigInt64BE(1)))
  return undefined
}

/**
 * PostgreSQL 15 says "zstd compression is not supported by this build", 16 and newer "this build does not support compression with zstd";
 * with a zstd library of one thread, "could not set compression worker count".
 */
function translate(error: unknown, url: string): DatapipeError {
  const known = postgresFault(error, url)
  if (!/not supported by this build|build does not support compression|could not set compression worker count/.test(known.message)) return known
  return new DatapipeError('not-supported', known.message, { path: 'postgres.compression', cause: error })
}

async function* mapFault<T>(source: AsyncIterable<T>, fault: (error: unknown) => unknown): AsyncIterable<T> {
  try {
    yield* source
  } catch (error) {
    throw fault(error)
  }
}
