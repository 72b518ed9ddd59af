import { medianCost, type Results } from './report.ts'
import type { TopicResult } from './run-bench.ts'

export interface Judgement {
  target: string
  measured: string
  /** `met`, `missed` or `not judged`, with the reason. */
  verdict: string
}

/** The targets of the project on 2 cores with broker and client on one machine, judged by medians. */
export function judgeTargets({ topics, growth, scale }: Results): Judgement[] {
  const all = [...topics, ...growth]
  return [
    ...topics.flatMap((result) => [againstKcat(result), againstCopy(result), againstZstd(result), cpuAgainstKcat(result)]),
    ...topics.flatMap((result) => againstPeer(result, scale)),
    ...all.flatMap(memory),
    ...flatMemory(growth),
  ]
}

const costOf = ({ series }: TopicResult, name: string, task: 'read' | 'restore' = 'read') =>
  medianCost(series.find((each) => each.contender === name && each.task === task))

interface Ratio {
  target: string
  ours: number | undefined
  other: number | undefined
  /** What `ours / other` may be at most. */
  limit: number
  unit: string
  /** What says why it was missed, where that is known. */
  because?: string
}

function judge({ target, ours, other, limit, unit, because }: Ratio): Judgement {
  if (ours === undefined || other === undefined) return { target, measured: '', verdict: 'not judged: one of the two was not run' }
  const ratio = ours / other
  const measured = `${ours.toFixed(2)} against ${other.toFixed(2)} ${unit}: ${ratio.toFixed(2)}`
  if (ratio <= limit) return { target, measured, verdict: 'met' }
  return { target, measured, verdict: `missed: ${((ratio / limit - 1) * 100).toFixed(0)} % above${because === undefined ? '' : `; ${because}`}` }
}

function againstKcat(result: TopicResult): Judgement {
  const ours = costOf(result, 'datapipe')
  const kcat = costOf(result, 'kcat to a file')
  const wall = { ours: ours?.wallSeconds, other: kcat?.wallSeconds }
  const because = result.logBytes < 5e8 ? 'a topic this small is mostly our start of about a second: see scale 1' : undefined
  const target = `${result.topic.name}: backup as is, wall at most 1.0 × kcat to a file`
  return judge({ target, ...wall, limit: 1, unit: 's', ...(because === undefined ? {} : { because }) })
}

function againstCopy(result: TopicResult): Judgement {
  const target = `${result.topic.name}: backup as is, wall at most 1.15 × copy and fsync of the log files, where the disk is the limit`
  const ours = costOf(result, 'datapipe')
  const copy = costOf(result, 'log files, copied and fsynced')
  const judged = judge({ target, ours: ours?.wallSeconds, other: copy?.wallSeconds, limit: 1.15, unit: 's' })
  const diskIsLimit = copy !== undefined && copy.cpuSeconds < copy.wallSeconds / 2
  return judged.verdict.startsWith('missed') && !diskIsLimit ? { ...judged, verdict: 'not judged: the copy was not limited by the disk' } : judged
}

function againstZstd(result: TopicResult): Judgement {
  const target = `${result.topic.name}: backup with zstd, wall at most 1.5 × as is (wanted for 1 KiB)`
  const zstd = costOf(result, 'datapipe zstd')
  return judge({ target, ours: zstd?.wallSeconds, other: costOf(result, 'datapipe')?.wallSeconds, limit: 1.5, unit: 's' })
}

function cpuAgainstKcat(result: TopicResult): Judgement {
  const perGigabyte = (seconds: number | undefined) => (seconds === undefined ? undefined : seconds / (result.logBytes / 1e9))
  const ours = perGigabyte(costOf(result, 'datapipe')?.cpuSeconds)
  const kcat = perGigabyte(costOf(result, 'kcat to a file')?.cpuSeconds)
  return judge({ target: `${result.topic.name}: backup as is, CPU per GB at most 2 × kcat's`, ours, other: kcat, limit: 2, unit: 's/GB' })
}

/** Wall seconds that stand for the peer where it was not run: measured at full size on the machine that the targets were set on. */
const peerSeconds: Record<string, { backupZstd?: number; restore: number }> = {
  'bench-1k': { backupZstd: 9, restore: 10 },
  'bench-100b': { restore: 18 },
}
/** How many times the peer's rate a restore must have. */
const restoreFactors: Record<string, number> = { 'bench-1k': 2, 'bench-100b': 4, 'bench-single': 1 }

function againstPeer(result: TopicResult, scale: number): Judgement[] {
  const { name } = result.topic
  const stand = peerSeconds[name]
  const from = (measured: number | undefined, known: number | undefined) => ({
    seconds: measured ?? (known === undefined ? undefined : known * scale),
    source: measured === undefined && known !== undefined ? ` (peer not run: ${known} s at full size, × ${scale})` : '',
  })
  const judgements: Judgement[] = []
  const factor = restoreFactors[name]
  if (factor !== undefined) {
    const peer = from(costOf(result, 'peer', 'restore')?.wallSeconds, stand?.restore)
    const target = `${name}: restore at least ${factor} × the peer's rate${peer.source}`
    judgements.push(judge({ target, ours: costOf(result, 'datapipe', 'restore')?.wallSeconds, other: peer.seconds, limit: 1 / factor, unit: 's' }))
  }
  if (stand?.backupZstd !== undefined) {
    const peer = from(costOf(result, 'peer zstd')?.wallSeconds, stand.backupZstd)
    const target = `${name}: backup with zstd, wall less than half of the peer's${peer.source}`
    judgements.push(judge({ target, ours: costOf(result, 'datapipe zstd')?.wallSeconds, other: peer.seconds, limit: 0.5, unit: 's' }))
  }
  return judgements
}

function memory(result: TopicResult): Judgement[] {
  const limit = result.topic.partitions >= 200 ? 384 : 256
  return result.series
    .filter(({ contender, runs }) => contender.startsWith('datapipe') && runs.length > 0)
    .map((series) => {
      const peak = medianCost(series)?.peakRssMiB ?? 0
      const name = `${series.contender}${series.task === 'restore' ? ': restore' : ''}`
      const target = `${result.topic.name}${result.topic.name === 'bench-growing' ? ` (${result.topic.title})` : ''}: ${name}, peak RSS at most ${limit} MiB`
      return { target, measured: `${peak.toFixed(0)} MiB`, verdict: peak <= limit ? 'met' : `missed: ${(peak - limit).toFixed(0)} MiB above` }
    })
}

function flatMemory(growth: TopicResult[]): Judgement[] {
  const [first, last] = [growth[0], growth.at(-1)]
  if (first === undefined || last === undefined || first === last) return []
  return (['read', 'restore'] as const).map((task) =>
    judge({
      target: `${task === 'read' ? 'backup' : 'restore'}: peak RSS flat from ${first.topic.records / 1e6} to ${last.topic.records / 1e6} GB (within 15 %)`,
      ours: costOf(last, 'datapipe', task)?.peakRssMiB,
      other: costOf(first, 'datapipe', task)?.peakRssMiB,
      limit: 1.15,
      unit: 'MiB',
    }),
  )
}
