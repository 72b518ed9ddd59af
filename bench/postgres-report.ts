import type { Cost } from './measured-run.ts'
import { medianCost } from './report.ts'

export interface PostgresSeries {
  contender: string
  backup: Cost[]
  /** Of the files alone; empty where a contender has no way of its own. */
  restore: Cost[]
  storedBytes: number
  notRun?: string
}

/** `postgres-results.json`. */
export interface PostgresResults {
  takenAt: string
  scale: number
  rounds: number
  machine: string
  versions: Record<string, string>
  /** Of the databases, by the server's count. */
  bytes: number
  series: PostgresSeries[]
}

/** `postgres-results.md`: one table for each task, then the targets. */
export function renderPostgres(results: PostgresResults): string {
  const { machine, versions, takenAt, scale, rounds, bytes } = results
  return [
    '# PostgreSQL: speed and memory',
    '',
    'Written by `npm run bench -- postgres`. Server, contenders and disk share one machine; contenders run in turn, and each number is the median of its runs',
    "(memory: the largest). CPU of a backup is the contender's and the server's together. Datapipe's backup is the whole command: WAL, recovery point and manifest too.",
    'A restore is of the files alone, durable, as `pgbackrest restore` does it.',
    '',
    `- taken ${takenAt}, scale ${scale}, ${rounds} rounds, ${(bytes / 1e6).toFixed(0)} MB of databases`,
    `- ${machine}`,
    `- ${Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', ')}`,
    '',
    ...(['backup', 'restore'] as const).flatMap((task) => table(task, results)),
    '## Targets',
    '',
    '| target | measured | |',
    '| --- | --- | --- |',
    ...judge(results),
    '',
  ].join('\n')
}

const seriesOf = ({ contender, ...rest }: PostgresSeries, task: 'backup' | 'restore') => medianCost({ contender, task: 'read', runs: rest[task] })

function table(task: 'backup' | 'restore', { series, bytes }: PostgresResults): string[] {
  const rows = series.flatMap((each) => {
    const cost = seriesOf(each, task)
    if (each.notRun !== undefined) return [`| ${each.contender} | not run: ${each.notRun} | | | | |`]
    if (cost === undefined) return []
    const { wallSeconds, cpuSeconds, peakRssMiB } = cost
    const cells = [wallSeconds.toFixed(2), (bytes / 1e6 / wallSeconds).toFixed(0), cpuSeconds.toFixed(2), peakRssMiB.toFixed(0)]
    return [`| ${each.contender} | ${cells.join(' | ')} | ${(each.storedBytes / 1e6).toFixed(0)} |`]
  })
  return [
    `## ${task === 'backup' ? 'Backup' : 'Restore'}`,
    '',
    '| | wall s | MB/s | CPU s | peak RSS MiB | stored MB |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows,
    '',
  ]
}

/** The targets of the project, on 2 cores. */
const targets = [
  { task: 'backup', ours: 'datapipe zstd', peer: 'pgBackRest zst, 2 processes', limit: 0.8 },
  { task: 'backup', ours: 'datapipe lz4', peer: 'pgBackRest lz4, 2 processes', limit: 0.5 },
  { task: 'restore', ours: 'datapipe zstd', peer: 'pgBackRest zst, 2 processes', limit: 1 },
  { task: 'restore', ours: 'datapipe lz4', peer: 'pgBackRest lz4, 2 processes', limit: 1 },
] as const

/** Bytes in the way of every backup: above that the engine of a container of 512 MiB is in danger. */
const mostMiB = 384

function judge(results: PostgresResults): string[] {
  const cost = (name: string, task: 'backup' | 'restore') => {
    const found = results.series.find(({ contender }) => contender === name)
    return found && seriesOf(found, task)
  }
  const ratios = targets.map(({ task, ours, peer, limit }) => {
    const target = `${task}: ${ours}, wall at most ${limit} × ${peer}`
    const [one, other] = [cost(ours, task)?.wallSeconds, cost(peer, task)?.wallSeconds]
    if (one === undefined || other === undefined) return `| ${target} | | not judged: one of the two was not run |`
    const ratio = one / other
    const verdict = ratio <= limit ? 'met' : `missed: ${((ratio / limit - 1) * 100).toFixed(0)} % above`
    return `| ${target} | ${one.toFixed(2)} against ${other.toFixed(2)} s: ${ratio.toFixed(2)} | ${verdict} |`
  })
  const memory = results.series
    .filter(({ contender }) => contender.startsWith('datapipe'))
    .flatMap((each) =>
      (['backup', 'restore'] as const).flatMap((task) => {
        const peak = seriesOf(each, task)?.peakRssMiB
        if (peak === undefined) return []
        return [`| ${task}: ${each.contender}, peak RSS at most ${mostMiB} MiB | ${peak.toFixed(0)} MiB | ${peak <= mostMiB ? 'met' : 'missed'} |`]
      }),
    )
  return [...ratios, ...memory]
}
