import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { takeCompat, withDefaultRegistry } from './arguments.ts'
import { producerCommand } from './producer-arguments.ts'
import { lineCutter } from './producer-lines.ts'
import { openLineReader } from './producer-reader.ts'
import { type CapturedRun, capturedProducerRuns, inputOf, standInRegistry, wordsOf } from './stand-in-captured.ts'
import { ToolFailure } from './tool-failure.ts'

/*
  Every captured run up to the records, without Kafka: arguments, schemas, requests to the registry, bytes of keys, values and headers, and the
  words of the failure. suites/avro-producer.suite.ts sends them, too.
*/

/** What the broker or the address decides: the suite's. */
const elsewhere = /registry-down|registry-url-default|message-too-large|broker-rejects|topic-does-not-exist|bootstrap-down|unknown-flag/
const runs = capturedProducerRuns().filter(
  ({ name, args }) => !elsewhere.test(name) && args.includes('--topic') && args.some((arg) => /^--(bootstrap-server|broker-list)$/.test(arg)),
)

interface Outcome {
  records: { keyHex: string | null; valueHex: string | null; headers: [string, string | null][] }[]
  words: string[]
  requests: { request: string; body?: unknown }[]
}

async function outcomeOf(run: CapturedRun): Promise<Outcome> {
  await using registry = await standInRegistry(run, 'TOPIC')
  const directory = mkdtempSync(join(tmpdir(), 'datapipe-producer-'))
  const outcome: Outcome = { records: [], words: [], requests: registry.requests }
  try {
    for (const [name, text] of Object.entries(run.files ?? {})) writeFileSync(join(directory, name), text)
    const args = run.args.map((arg) =>
      arg
        .replaceAll('http://REGISTRY_AUTH', registry.url)
        .replaceAll('http://alice:alicepw@REGISTRY_AUTH', registry.url.replace('//', '//alice:alicepw@'))
        .replaceAll('REGISTRY', registry.url)
        .replaceAll('BOOTSTRAP', 'localhost:1')
        .replaceAll('DIR', directory),
    )
    await readAll(run, args, outcome)
  } catch (error) {
    if (!(error instanceof ToolFailure)) throw error
    outcome.words = error.message.replaceAll(directory, 'DIR').split('\n')
  } finally {
    rmSync(directory, { recursive: true })
  }
  return outcome
}

async function readAll(run: CapturedRun, args: string[], outcome: Outcome): Promise<void> {
  const { compat, args: words } = takeCompat(args, {})
  const command = await producerCommand(withDefaultRegistry(words), compat)
  if (typeof command === 'string') throw new Error(`${command} is no run`)
  const { sendSettings } = await import('./send-settings.ts')
  sendSettings(command.producer, compat)
  const io = { stderr: { write: () => true }, signal: new AbortController().signal }
  await using reader = await openLineReader({ topic: 'TOPIC', properties: command.reader, compat: 'strict', io })
  const cutter = lineCutter()
  const lines = cutter.cut(inputOf(run))
  const rest = cutter.rest()
  const hex = (bytes: Uint8Array | null) => (bytes === null ? null : Buffer.from(bytes).toString('hex'))
  for (const line of rest === undefined ? lines : [...lines, rest]) {
    const { key, value, headers } = await reader.read(line)
    outcome.records.push({
      keyHex: hex(key),
      valueHex: hex(value),
      headers: headers.map((header) => [Buffer.from(header.key).toString('utf8'), hex(header.value)]),
    })
  }
}

test('the captured runs are all there', () => expect(runs.length).toBeGreaterThan(190))

test.each(runs)('$name', async (run) => {
  const { records, words, requests } = await outcomeOf(run)
  expect(words).toEqual(wordsOf(run))
  if (!run.args.some((arg) => arg.includes('REGISTRY_AUTH'))) {
    const body = (text: string | undefined) => (text === undefined ? {} : { body: JSON.parse(text) })
    expect(requests).toEqual(run.registryRequests.map((item) => ({ request: item.request, ...body(item.body) })))
  }
  if (typeof run.records === 'string') expect(records).toHaveLength(run.recordCount ?? 0)
  else {
    const byKey = (list: Outcome['records']) => list.toSorted((a, b) => `${a.keyHex}`.localeCompare(`${b.keyHex}`))
    const captured = run.records.map(({ keyHex, valueHex, headers }) => ({ keyHex, valueHex, headers }))
    if (run.partitions === undefined) expect(records).toEqual(captured)
    else expect(byKey(records)).toEqual(byKey(captured))
  }
})
