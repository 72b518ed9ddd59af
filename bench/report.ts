import { cpus, release, totalmem } from 'node:os'
import { judgeTargets } from './targets.ts'
import type { Series, TopicResult } from './run-bench.ts'
import type { Cost } from './measured-run.ts'

/** `results.json`. */
export interface Results {
  takenAt: string
  scale: number
  rounds: number
  machine: string
  /** Load averages over one minute, before and after: what else the machine was doing. */
  load: { before: number; after: number }
  versions: Record<string, string>
  topics: TopicResult[]
  growth: TopicResult[]
}

export function describeMachine(): string {
  return `${cpus().length} × ${cpus()[0]?.model ?? 'unknown CPU'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}`
}

/** The middle one of the runs, by each figure on its own; undefined without a run. */
export function medianCost(series: Series | undefined): Cost | undefined {
  if (series === undefined || series.runs.length === 0) return undefined
  const middle = (figure: (cost: Cost) => number) => {
    const sorted = series.runs.map(figure).sort((a, b) => a - b)
    const half = sorted.length >> 1
    return sorted.length % 2 === 1 ? (sorted[half] ?? 0) : ((sorted[half - 1] ?? 0) + (sorted[half] ?? 0)) / 2
  }
  return {
    wallSeconds: middle(({ wallSeconds }) => wallSeconds),
    cpuSeconds: middle(({ cpuSeconds }) => cpuSeconds),
    peakRssMiB: Math.max(...series.runs.map(({ peakRssMiB }) => peakRssMiB)),
  }
}

/** `results.md`: a table per topic, then the targets, each met, missed or not judged, with the reason. */
export function renderResults(results: Results): string {
  const { machine, load, versions, takenAt, scale, rounds } = results
  const lines = [
    '# Kafka: speed and memory',
    '',
    'Written by `npm run bench`. Broker, contenders and disk share one machine; contenders run in turn, and each number is the median of its runs',
    '(memory: the largest). CPU is that of the contender, not of the broker. A ratio compares wall time with the first line of its table.',
    '',
    `- taken ${takenAt}, scale ${scale}, ${rounds} rounds`,
    `- ${machine}; load ${load.before.toFixed(1)} before, ${load.after.toFixed(1)} after${load.before > 1 ? ': **not a quiet machine, wall times say little**' : ''}`,
    `- ${Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', ')}`,
    '',
    ...results.topics.flatMap(topicSection),
    ...(results.growth.length === 0 ? [] : ['## Memory as a topic grows', '', ...results.growth.flatMap(topicSection)]),
    '## Targets',
    '',
    '| target | measured | |',
    '| --- | --- | --- |',
    ...judgeTargets(results).map(({ target, measured, verdict }) => `| ${target} | ${measured} | ${verdict} |`),
    '',
  ]
  return lines.join('\n')
}

function topicSection({ topic, logBytes, series }: TopicResult): string[] {
  const lines = [
    `### ${topic.name}: ${topic.title}`,
    '',
    `${topic.records} records of ${topic.recordBytes} B in ${topic.partitions} partitions, ${(logBytes / 1e6).toFixed(0)} MB of log segments.`,
    '',
    '| | wall s | ratio | MB/s | CPU s | CPU s/GB | peak RSS MiB |',
    '| --- | --- | --- | --- | --- | --- | --- |',
  ]
  for (const task of ['read', 'restore'] as const) {
    const first = series.find((each) => each.task === task && each.runs.length > 0)
    const base = medianCost(first)?.wallSeconds ?? 1
    for (const each of series.filter((candidate) => candidate.task === task)) {
      const cost = medianCost(each)
      const name = task === 'restore' ? `${each.contender}: restore` : each.contender
      if (cost === undefined) {
        lines.push(`| ${name} | not run: ${each.notRun ?? 'unknown'} | | | | | |`)
        continue
      }
      const { wallSeconds, cpuSeconds, peakRssMiB } = cost
      const cells = [
        wallSeconds.toFixed(2),
        (wallSeconds / base).toFixed(2),
        (logBytes / 1e6 / wallSeconds).toFixed(0),
        cpuSeconds.toFixed(2),
        (cpuSeconds / (logBytes / 1e9)).toFixed(2),
        peakRssMiB.toFixed(0),
      ]
      lines.push(`| ${name} | ${cells.join(' | ')} |`)
    }
  }
  return [...lines, '']
}
