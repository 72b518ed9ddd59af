import type { Matrix, MatrixRow } from './matrix.ts'
import type { MatrixRun } from './matrix-run.ts'
import { isKnownLoss } from './matrix-verdict.ts'

/** Words and numbers as every form of the matrix prints them. */
export function countsText(row: MatrixRow): string {
  return countedText(row.counts)
}

/** `lost: 12 tombstones, 400 timestamps`; empty where nothing was. */
export function lossesText(row: MatrixRow): string {
  return row.losses === undefined ? '' : `lost: ${countedText(row.losses)}`
}

function countedText(counts: Record<string, number>): string {
  const counted = Object.entries(counts)
  // What was not met is worth no word, unless nothing was.
  return (counted.some(([, count]) => count > 0) ? counted.filter(([, count]) => count > 0) : counted)
    .map(([name, count]) => `${count.toLocaleString('en-US').replaceAll(',', ' ')} ${words(name)}`)
    .join(', ')
}

/** `largeObjects` → `large objects`. */
function words(name: string): string {
  return name.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase()
}

export function bytesText(bytes: number | null): string {
  if (bytes === null) return ''
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}

/** `0.04 s`, `12.3 s`, `4 min 05 s`. */
export function secondsText(seconds: number | null): string {
  if (seconds === null) return ''
  if (seconds < 120) return `${seconds < 1 ? seconds.toFixed(2) : seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`
}

const kinds = {
  barrier: 'barrier: the connector stood between two transactions',
  transaction: 'transaction: the connector went on, the topics end where the transactions do',
  'no-connector': 'no connector',
}

/** Label and value of each fact about the recovery point. */
export function recoveryPointFacts(matrix: Pick<Matrix, 'recoveryPoint'>): [label: string, value: string][] {
  const point = matrix.recoveryPoint
  if (point === null) return [['recovery point', 'none']]
  const facts: [string, string][] = [
    ['name', point.name],
    ['kind', kinds[point.kind]],
    ['taken at', point.takenAt],
  ]
  if (point.postgres) {
    facts.push(
      ['PostgreSQL LSN', `${point.postgres.lsn} on timeline ${point.postgres.timeline}`],
      ['system identifier', point.postgres.systemIdentifier],
    )
    if (point.postgres.xid !== undefined)
      facts.push(['last transaction', `${point.postgres.xid}${point.postgres.time ? `, ${point.postgres.time}` : ''}`])
  }
  if (point.kafka) {
    const ends = Object.values(point.kafka.endOffsets).flatMap((partitions) => Object.values(partitions))
    facts.push(
      ['Kafka cluster', point.kafka.clusterId],
      [
        'Kafka end offsets',
        `${ends.length} partitions of ${Object.keys(point.kafka.endOffsets).length} topics, ${ends.reduce((sum, end) => sum + BigInt(end), 0n)} together`,
      ],
    )
  }
  return facts
}

export function rtoText(matrix: Pick<Matrix, 'rto'>): string {
  return matrix.rto === null ? 'not measured' : secondsText(matrix.rto.seconds)
}

/** `restore 9.9 s, first new event 0.60 s`: what the RTO went into; empty where that was not measured. */
export function rtoPhasesText({ rto }: Pick<MatrixRun, 'rto'>): string {
  return (rto?.phases ?? []).map(({ name, seconds }) => `${name} ${secondsText(seconds)}`).join(', ')
}

export function rpoText(matrix: Pick<Matrix, 'rpo'>): string {
  return matrix.rpo === null ? 'not measured' : `${secondsText(matrix.rpo.seconds)} (${matrix.rpo.transactionsLost} transactions)`
}

/** The row's verdict as people read it: a known loss is not hidden among the failures, and never among the passes. */
export function verdictText(row: MatrixRow): MatrixRow['verdict'] | 'known loss' {
  return isKnownLoss(row) ? 'known loss' : row.verdict
}

/** `1 fail, 11 pass` in the order of gravity; known losses of other ways, and what was not run, are counted beside, never within. */
export function tally(matrix: Pick<Matrix, 'rows'>): string {
  return (['fail', 'unknown', 'not run', 'known loss', 'pass'] as const)
    .map((verdict) => [matrix.rows.filter((row) => verdictText(row) === verdict).length, verdict] as const)
    .filter(([count]) => count > 0)
    .map(([count, verdict]) => `${count} ${verdict === 'known loss' && count > 1 ? 'known losses' : verdict}`)
    .join(', ')
}

/** `2 h before` the newest report: what stands there from an earlier run says how old it is. Empty under two minutes. */
export function ageText(run: Pick<MatrixRun, 'at'>, generatedAt: string): string {
  const minutes = Math.round((new Date(generatedAt).getTime() - new Date(run.at).getTime()) / 60_000)
  if (minutes < 2) return ''
  if (minutes < 120) return `${minutes} min old`
  return minutes < 48 * 60 ? `${Math.round(minutes / 60)} h old` : `${Math.round(minutes / 1440)} days old`
}

/** `image datapipe-backup-tools:latest, 512 MiB, 0.5 CPUs`, or `process`. */
export function engineText({ engine }: MatrixRun): string {
  if (engine === 'process') return 'process'
  const limits = [...(engine.memoryBytes === null ? [] : [bytesText(engine.memoryBytes)]), ...(engine.cpus === null ? [] : [`${engine.cpus} CPUs`])]
  return [engine.image, ...limits].join(', ')
}

/** `engine 212 MiB of 512 MiB, stack 3.1 GiB`: peaks, and how many looks failed; empty where nothing was measured. */
export function memoryText({ memory }: MatrixRun): string {
  if (memory === undefined) return ''
  const { enginePeakBytes, engineLimitBytes, stackPeakBytes, missedLooks } = memory
  const limit = engineLimitBytes === null ? '' : ` of ${bytesText(engineLimitBytes)}`
  return [
    ...(enginePeakBytes === null ? [] : [`engine ${bytesText(enginePeakBytes)}${limit}`]),
    ...(stackPeakBytes === null ? [] : [`stack ${bytesText(stackPeakBytes)}`]),
    ...(missedLooks === undefined ? [] : [`${missedLooks} ${missedLooks === 1 ? 'look' : 'looks'} failed: perhaps more`]),
  ].join(', ')
}

/** `15.18` of every server in one line. */
export function versionsText({ versions }: Pick<MatrixRun, 'versions'>): string {
  return Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ')
}
