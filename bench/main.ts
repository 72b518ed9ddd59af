import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Context } from '../src/base/context.ts'
import { openBenchBroker } from './bench-broker.ts'
import { benchTopics } from './bench-topics.ts'
import { contenders } from './contenders.ts'
import { type BenchOptions, parseBenchOptions, usage } from './options.ts'
import { benchPostgres } from './postgres.ts'
import { describeMachine, renderResults, type Results } from './report.ts'
import { benchGrowth, benchTopic, type TopicResult } from './run-bench.ts'

const args = process.argv.slice(2)
if (args[0] === 'postgres') await benchPostgres(args.slice(1))
else {
  const options = parseBenchOptions(args)
  if (options === 'help') process.stdout.write(usage)
  else await main(options)
}

async function main({ scale, rounds, topics, only, peer, stack, results, growth, nodeOptions }: BenchOptions): Promise<void> {
  const interrupt = new AbortController()
  process.once('SIGINT', () => interrupt.abort())
  const context: Context = {
    signal: interrupt.signal,
    now: () => new Date(),
    emit: (event) => {
      if (event.type === 'log') process.stderr.write(`${event.message}\n`)
    },
  }
  const [before = 0] = loadavg()
  const directory = await mkdtemp(join(tmpdir(), 'datapipe-bench-'))
  try {
    await using broker = await openBenchBroker(stack, context)
    const kcat = await findProgram('kcat', 'kafkacat')
    const all = contenders({ broker, peer, kcat, nodeOptions })
    const exact = new Set(all.map(({ name }) => name))
    const chosen = all.filter(
      ({ name }) => only.length === 0 || only.some((wanted) => (exact.has(wanted) ? name === wanted : name.startsWith(wanted))),
    )
    const run = { broker, contenders: chosen, rounds, directory, context }
    const measured: TopicResult[] = []
    for (const topic of benchTopics(scale)) {
      if (topics.length === 0 || topics.includes(topic.name)) measured.push(await benchTopic(topic, run))
    }
    const growing = await benchGrowth(growth, run)
    const found: Results = {
      takenAt: context.now().toISOString(),
      scale,
      rounds,
      machine: describeMachine(),
      load: { before, after: loadavg()[0] ?? 0 },
      versions: { datapipe: await commit(), node: process.version, kafka: broker.version, kcat: await versionOf(kcat), peer: await versionOf(peer) },
      topics: measured,
      growth: growing,
    }
    const text = renderResults(found)
    process.stdout.write(text)
    if (results === '') return
    await writeFile(join(results, 'results.md'), text)
    await writeFile(join(results, 'results.json'), `${JSON.stringify(found, null, 2)}\n`)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function findProgram(...names: string[]): Promise<string | undefined> {
  const { stdout } = await promisify(execFile)('sh', ['-c', `${names.map((name) => `command -v ${name}`).join(' || ')} || true`])
  return stdout.trim() || undefined
}

async function versionOf(program: string | undefined): Promise<string> {
  if (program === undefined) return 'not run'
  const { stdout, stderr } = await promisify(execFile)(program, [/cat$/.test(program) ? '-V' : '--version']).catch(() => ({ stdout: '', stderr: '' }))
  return /\d+\.\d+[\d.]*/.exec(stdout + stderr)?.[0] ?? 'unknown'
}

async function commit(): Promise<string> {
  const { stdout } = await promisify(execFile)('git', ['describe', '--always', '--dirty'], { cwd: import.meta.dirname }).catch(() => ({ stdout: '' }))
  return stdout.trim() || 'unknown'
}
