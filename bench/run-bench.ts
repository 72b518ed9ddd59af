import { join } from 'node:path'
import type { Context } from '../src/base/context.ts'
import type { BenchBroker } from './bench-broker.ts'
import { type BenchTopic, growingTopic } from './bench-topics.ts'
import { type Contender, freshDirectory } from './contenders.ts'
import { type Cost, measuredRun } from './measured-run.ts'

/** Every run of one contender at one topic, or why there is none. */
export interface Series {
  contender: string
  task: Contender['task']
  runs: Cost[]
  notRun?: string
}

export interface TopicResult {
  topic: BenchTopic
  /** Bytes of the broker's log segments, as they were filled. */
  logBytes: number
  series: Series[]
}

export interface BenchRun {
  broker: BenchBroker
  contenders: Contender[]
  rounds: number
  directory: string
  context: Context
}

/** Fills one topic and runs everybody on it in turn, `rounds` times: first those who read, then those who restore what they read. */
export async function benchTopic(topic: BenchTopic, run: BenchRun): Promise<TopicResult> {
  const { broker, rounds, context } = run
  say(run, `${topic.name}: filling with ${topic.records} records`)
  await broker.fill(topic)
  const { bytes: logBytes } = await broker.logFiles(topic.name)
  const result: TopicResult = { topic, logBytes, series: [] }
  for (const task of ['read', 'restore'] as const) {
    const taking = run.contenders.filter((contender) => contender.task === task)
    const series = taking.map(({ name }): Series => ({ contender: name, task, runs: [] }))
    result.series.push(...series)
    for (let round = 0; round < rounds; round++) {
      for (const [index, contender] of taking.entries()) {
        const own = series[index]
        if (own === undefined || own.notRun !== undefined) continue
        if (context.signal.aborted) throw new Error('interrupted')
        const cost = await once(contender, topic, run)
        if (typeof cost === 'string') own.notRun = cost
        else own.runs.push(cost)
      }
    }
  }
  // What a restore left is not what the producer wrote: batches are merged, the peer adds headers.
  await broker.drop(topic.name)
  for (const { name } of run.contenders) await freshDirectory(placeOf(run, name))
  return result
}

async function once(contender: Contender, topic: BenchTopic, run: BenchRun): Promise<Cost | string> {
  const { broker, directory, context } = run
  const place = placeOf(run, contender.name)
  if (contender.task === 'read') await freshDirectory(place)
  const prepared = await contender.prepare(topic, place)
  if ('reason' in prepared) return prepared.reason
  if (contender.task === 'restore') await broker.drop(topic.name)
  const cost = await measuredRun({ ...prepared, directory, signal: context.signal })
  if (contender.task === 'restore' && (await broker.recordsIn(topic.name)) !== topic.records) {
    throw new Error(`${contender.name} did not restore ${topic.records} records`)
  }
  const { wallSeconds, cpuSeconds, peakRssMiB } = cost
  say(
    run,
    `${topic.name}: ${contender.name}, ${contender.task}: ${wallSeconds.toFixed(2)} s, CPU ${cpuSeconds.toFixed(2)} s, ${peakRssMiB.toFixed(0)} MiB`,
  )
  return cost
}

/** Datapipe alone, once, on a topic that grows to each of the sizes. */
export async function benchGrowth(sizes: number[], run: BenchRun): Promise<TopicResult[]> {
  const results: TopicResult[] = []
  const ours = run.contenders.filter(({ name }) => name === 'datapipe')
  for (const size of sizes) results.push(await benchTopic(growingTopic(size), { ...run, contenders: ours, rounds: 1 }))
  return results
}

const placeOf = ({ directory }: BenchRun, name: string) => join(directory, name.replaceAll(/\W+/g, '-'))

function say({ context }: BenchRun, message: string): void {
  context.emit({ type: 'log', level: 'info', message })
}
