import { JsonSink } from '../avro/json-sink.ts'
import { WireFailure } from '../clients/kafka-wire/wire-failure.ts'
import type { PartitionOffset } from '../clients/kafka-wire/wire-offsets.ts'
import type { ConsumerOptions } from './consumer-options.ts'
import type { LineOutput } from './line-output.ts'
import type { ReadRecord } from './record-log.ts'
import type { RecordSource } from './record-source.ts'
import { ToolFailure } from './tool-failure.ts'

export interface ConsumeOptions {
  options: ConsumerOptions
  source: RecordSource
  /** Appends one record; see `createRecordFormatter`. */
  format: (record: ReadRecord, sink: JsonSink) => Promise<void> | undefined
  output: LineOutput
  signal: AbortSignal
  /** Writes one line to stderr. */
  say: (text: string) => void
}

/** Milliseconds that connecting may take before `--timeout-ms` ends it all the same. */
const connectMs = 30_000
/** Bytes that are gathered before they are written. */
const flushAt = 256 * 1024

/**
 * The consumer's loop: prints records until `--max-messages`, `--timeout-ms`, a signal, a failure or a closed output, then commits, says how many
 * it took, and gives the exit code.
 */
export async function consumeRecords(run: ConsumeOptions): Promise<number> {
  const { options, source, signal, say } = run
  const strict = options.compat === 'strict'
  const progress: Progress = { count: 0, reached: new Map(), outputFailed: false }
  let code = 0
  let words: string | undefined
  try {
    const ended = await readOn(run, progress)
    if (ended === 'output') say('Unable to write to standard out, closing consumer.')
    if (ended === 'output' && !strict) code = 1
    if (ended === 'timeout' && source.problem !== undefined && !strict) {
      code = 1
      words = `ERROR Nothing could be read: ${source.problem}`
    }
  } catch (error) {
    if (signal.aborted) code = signal.reason === 'SIGINT' ? 130 : 143
    else if (error instanceof WireFailure) {
      // Kafka's tool ends with 0 whatever its consumer throws.
      code = strict ? 0 : 1
      words = `ERROR Error processing message, terminating consumer process: \n${error.message}`
    } else if (error instanceof ToolFailure) {
      code = strict && error.kind === 'broker' ? 0 : 1
      words = failureText(error)
    } else throw error
  }
  try {
    await source[Symbol.asyncDispose]()
  } catch (error) {
    if (!(error instanceof WireFailure)) throw error
    say(`ERROR Offsets could not be committed: ${error.message}`)
    if (!strict && code === 0) code = 1
  }
  say(`Processed a total of ${progress.count} messages`)
  if (words !== undefined) say(words)
  if (options.systestEvents && !progress.outputFailed) await run.output.write(Buffer.from('shutdown_complete\n'))
  return code
}

interface Progress {
  /** Records taken, the one that failed and skipped ones too. */
  count: number
  /** By partition: the offset behind the last record that is done with and not yet handed to the source. */
  reached: Map<string, PartitionOffset>
  outputFailed: boolean
}

async function readOn(run: ConsumeOptions, progress: Progress): Promise<'max' | 'timeout' | 'output'> {
  const { options, source, signal, output } = run
  const { maxMessages, timeoutMs } = options
  const strict = options.compat === 'strict'
  const sink = new JsonSink(flushAt * 2)
  const flush = async (): Promise<boolean> => {
    const written = await output.write(sink.bytes.subarray(0, sink.at))
    sink.at = 0
    progress.outputFailed = !written
    // Records that nobody got are not done with: another run of the group shall have them.
    if ((written || strict) && progress.reached.size > 0) {
      await source.done([...progress.reached.values()].map((position) => ({ ...position })))
      progress.reached.clear()
    }
    return written
  }
  if (maxMessages === 0 || maxMessages < -1) return 'max'
  const started = performance.now()
  let idleSince = started
  let wasReady = false
  for (;;) {
    signal.throwIfAborted()
    if (source.ready && !wasReady && !strict) {
      wasReady = true
      idleSince = performance.now()
    }
    // A slow connection is no empty topic: the time counts from the first answer, unless something is known to stand in the way. Java counts from the start.
    const connecting = !wasReady && !strict && source.problem === undefined && timeoutMs !== 0 && performance.now() - started < connectMs
    const left = timeoutMs === undefined || connecting ? 500 : idleSince + timeoutMs - performance.now()
    if (left <= 0) return 'timeout'
    for (const { topic, partition, records } of await source.next(left)) {
      const position = { topic, partition, offset: -1n }
      for (const record of records) {
        progress.count++
        try {
          const writing = takeRecord(run, record, sink)
          if (writing !== undefined) await writing
        } catch (error) {
          if (strict) reach(progress, position, record)
          await flush()
          throw error
        }
        reach(progress, position, record)
        if (progress.count === maxMessages) return (await flush()) ? 'max' : 'output'
        if (sink.at < flushAt) continue
        if (!(await flush())) return 'output'
        signal.throwIfAborted()
      }
      idleSince = performance.now()
    }
    if (!(await flush())) return 'output'
  }
}

function reach(progress: Progress, position: { topic: string; partition: number; offset: bigint }, record: ReadRecord): void {
  position.offset = record.offset + 1n
  progress.reached.set(`${position.topic}/${position.partition}`, position)
}

/** Prints one record, whole or not at all (`strict`: as far as it gets). A record that fails is said and left out with `--skip-message-on-error`. */
function takeRecord({ options, format, say }: ConsumeOptions, record: ReadRecord, sink: JsonSink): Promise<void> | undefined {
  const from = sink.at
  const fail = (error: unknown): undefined => {
    if (options.compat === 'safe') sink.at = from
    if (!(error instanceof ToolFailure)) throw error
    // A registry that is down or refuses the user is no fault of the record: every further record would be lost the same way.
    const mayBeSkipped = error.kind === 'record' || options.compat === 'strict'
    const where = `${record.topic}-${record.partition} offset ${record.offset}`
    if (!options.skipOnError || !mayBeSkipped) throw Object.assign(error, { where })
    say(`ERROR Error processing message, skipping this message: \n${error.message}\nat ${where}`)
    return undefined
  }
  try {
    return format(record, sink)?.catch(fail)
  } catch (error) {
    return fail(error)
  }
}

function failureText(error: ToolFailure): string {
  const heading = error.kind === 'authentication' ? 'Authentication failed: terminating consumer process' : 'Unknown error when running consumer: '
  const where = (error as { where?: unknown }).where
  return `ERROR ${heading}\n${error.message}${typeof where === 'string' ? `\nat ${where}` : ''}`
}
