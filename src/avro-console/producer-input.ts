import type { Readable } from 'node:stream'
import { lineCutter } from './producer-lines.ts'
import type { LineReader } from './producer-reader.ts'
import type { RecordToSend } from './send-batch.ts'

export interface LinesToSend {
  io: { stdin: Readable; signal: AbortSignal }
  reader: LineReader
  send(record: RecordToSend): Promise<void> | void
  /** True when nothing more is to be read. */
  stopped(): boolean
}

/** Reads standard input to its end, or to a signal, and sends a record for each line. */
export async function sendLines({ io, reader, send, stopped }: LinesToSend): Promise<void> {
  const { signal } = io
  const lines = lineCutter()
  const done = () => stopped() || signal.aborted
  const takeAll = async (all: readonly string[]): Promise<void> => {
    for (const line of all) {
      if (done()) return
      const read = reader.read(line)
      const sent = send(read instanceof Promise ? await read : read)
      if (sent !== undefined) await sent
    }
  }
  const chunks = io.stdin[Symbol.asyncIterator]()
  const { promise: aborted, resolve: abort } = Promise.withResolvers<{ done: true; value: undefined }>()
  const onAbort = () => abort({ done: true, value: undefined })
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    while (!done()) {
      const { done: ended, value } = await Promise.race([chunks.next(), aborted])
      if (ended) break
      await takeAll(lines.cut(value as Buffer))
    }
    const rest = lines.rest()
    if (rest !== undefined) await takeAll([rest])
  } finally {
    signal.removeEventListener('abort', onAbort)
    io.stdin.destroy()
  }
}
