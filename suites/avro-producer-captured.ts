import { join } from 'node:path'
import { type CapturedRun, capturedProducerRuns, wordsOf } from '../src/avro-console/stand-in-captured.ts'
import type { ReadRecord } from './kafka-reading.ts'

/** Every captured run of the producer. */
export const runs = capturedProducerRuns()

/** What one of them did here. */
export interface Observed {
  exitCode: number
  stdout: string
  stderr: string
  requests: { request: string; body?: unknown }[]
}

/** What the captured run says, in the form of an observed one. */
export function captured(run: CapturedRun, topic: string, directory: string) {
  const fill = (text: string) => text.replaceAll('TOPIC', topic).replaceAll('DIR/', `${join(directory, topic)}-`)
  return {
    exitCode: run.exitCode,
    // The log that the Java tool writes to stdout is nowhere here: see the table.
    stdout: run.name.includes('stock-log4j') ? '' : run.stdout,
    words: wordsOf(run).map(fill),
    requests: requestsOf(run).map(({ request, body }) => ({
      request: fill(request),
      ...(body === undefined ? {} : { body: JSON.parse(fill(body)) }),
    })),
    records: typeof run.records === 'string' ? (run.recordCount ?? 0) : run.records.map((record) => recordLine(record)).sort(),
  }
}

/** The registry with passwords was asked past the proxy that captured requests: there they must be those of the same run without passwords. */
function requestsOf(run: CapturedRun): CapturedRun['registryRequests'] {
  const guarded = run.args.some((arg) => arg.includes('REGISTRY_AUTH'))
  return (guarded ? plain() : run).registryRequests
}

/** The run that others are variations of. */
export const plain = () => runs.find(({ name }) => name === 'producer/plain') as CapturedRun

function recordLine(record: {
  partition: number | undefined
  keyHex: string | null
  valueHex: string | null
  headers: [string, string | null][]
}): string {
  return JSON.stringify([record.partition, record.keyHex, record.valueHex, record.headers])
}

/** The same of what happened. Entries of the log and hints do not count, nor what the captured run's help had below its first lines. */
export function found(run: CapturedRun, topic: string, seen: Observed, records: Record<string, ReadRecord[]>) {
  const expected = captured(run, topic, '')
  const said = seen.stderr
    .split('\n')
    .filter((line, index, all) => line !== '' && !/^(ERROR|hint:) /.test(line) && !all[index - 1]?.startsWith('ERROR '))
  const words = expected.words.some((line) => line.startsWith('Option ')) ? said.slice(0, expected.words.length) : said
  const read = Object.entries(records).filter(([name]) => name.startsWith(`${topic}/`))
  const all = read.flatMap(([name, list]) => list.map((record) => ({ ...record, partition: Number(name.slice(topic.length + 1)) })))
  return {
    exitCode: seen.exitCode,
    stdout: seen.stdout,
    words,
    requests: seen.requests,
    records:
      typeof run.records === 'string' ? all.length : all.map((record) => recordLine({ ...fromKafkajs(record), partition: record.partition })).sort(),
  }
}

/** kafkajs gives headers of one name as one entry, and null as text. */
function fromKafkajs({ key, value, headers }: ReadRecord) {
  const flat = headers.flatMap(([name, values]) => values.map((item): [string, string | null] => [name, item === 'null' ? null : item]))
  return { keyHex: key, valueHex: value, headers: flat }
}
