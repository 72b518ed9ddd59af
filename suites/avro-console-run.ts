import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import type { Compat } from '../src/avro-console/arguments.ts'
import { runAvroConsumer } from '../src/avro-console/consumer.ts'
import { type ConsumerCase, type SeenRequest, standInRegistry } from './avro-console-cases.ts'
import { topicOf } from './avro-console-topics.ts'

export interface Outcome {
  exitCode: number
  stdout: string
  stderr: string
  requests: SeenRequest[]
}

/**
 * Milliseconds for cases that only wait for their `--timeout-ms 3000`: the time counts from the brokers' first answer, which brings the records; with
 * strict from the start, so that a busy machine needs more of it.
 */
const patience = { safe: '600', strict: '6000' }

/** Runs one captured case, its placeholders filled, against the broker and a registry of its own; its files go below `directory`. */
export async function runCase(
  run: ConsumerCase,
  compat: Compat,
  { bootstrap, directory }: { bootstrap: string; directory: string },
): Promise<Outcome> {
  const own = join(directory, compat, topicOf(run))
  let registry: Awaited<ReturnType<typeof standInRegistry>> | undefined
  const fillIn = (text: string): string =>
    text
      .replaceAll('REGISTRY_AUTH', registry?.guarded ?? '')
      .replaceAll(/REG(ISTRY_)?HOSTPORT/g, registry?.open ?? '')
      .replaceAll('REGISTRY', `http://${registry?.open}`)
      .replaceAll('BOOTSTRAP', bootstrap)
      .replaceAll('TOPIC', topicOf(run))
      .replaceAll('GROUP', `${topicOf(run)}-${compat}`)
      .replaceAll('DIR', own)
  await using standIn = await standInRegistry(run, (text) => text.replaceAll('TOPIC', topicOf(run)))
  registry = standIn
  if (run.files !== undefined) {
    await mkdir(own, { recursive: true })
    for (const [name, text] of Object.entries(run.files)) await writeFile(join(own, name), fillIn(text))
  }
  for (const args of run.preRunArgs ?? []) await consume(args.map(fillIn), compat)
  registry.requests.length = 0
  const outcome = await consume(run.args.map(fillIn), compat)
  return { ...outcome, requests: [...standIn.requests] }
}

/** A run that does not end by itself is ended after this many milliseconds, and its exit code says so. */
const hangsAfter = 20_000

/** Runs the tool in this process. */
export async function consume(args: string[], compat: Compat, signal = AbortSignal.timeout(hangsAfter)): Promise<Omit<Outcome, 'requests'>> {
  const shorter = args.map((word, index) => (args[index - 1] === '--timeout-ms' && word === '3000' ? patience[compat] : word))
  // Dead registries are asked four times with pauses of up to 7 s in all: the pauses are shortened, not the questions.
  const dead = /127\.0\.0\.1:1$|no-such-host|localhost:8081/.test(shorter.join('\n')) || shorter.includes('--formatter-config')
  if (dead) shorter.push('--property', 'retries.wait.ms=20')
  const [stdout, stderr] = [collector(), collector()]
  const exitCode = await runAvroConsumer(shorter, {
    stdout: stdout.stream,
    stderr: stderr.stream,
    env: compat === 'strict' ? { DATAPIPE_AVRO_COMPAT: 'strict' } : {},
    signal,
  })
  return { exitCode, stdout: stdout.text(), stderr: stderr.text() }
}

function collector() {
  const chunks: Buffer[] = []
  const stream = new Writable({
    write(chunk: Buffer, _, done) {
      chunks.push(Buffer.from(chunk))
      done()
    },
  })
  return { stream, text: () => Buffer.concat(chunks).toString('utf8') }
}
