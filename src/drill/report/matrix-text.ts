import type { Matrix, MatrixRow } from './matrix.ts'

/** Words and numbers as every form of the matrix prints them. */
export function countsText(row: MatrixRow): string {
  return Object.entries(row.counts)
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

/** Label and value of each fact about the recovery point. */
export function recoveryPointFacts(matrix: Matrix): [label: string, value: string][] {
  const point = matrix.recoveryPoint
  if (point === null) return [['recovery point', 'none']]
  const facts: [string, string][] = [
    ['name', point.name],
    ['kind', point.kind === 'barrier' ? 'barrier: the connector stood between two transactions' : 'no connector'],
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

export function rtoText(matrix: Matrix): string {
  return matrix.rto === null ? 'not measured' : secondsText(matrix.rto.seconds)
}

export function rpoText(matrix: Matrix): string {
  return matrix.rpo === null ? 'not measured' : `${secondsText(matrix.rpo.seconds)} (${matrix.rpo.transactionsLost} transactions)`
}

/** `11 pass, 1 fail` in the order of gravity. */
export function tally(matrix: Matrix): string {
  return (['fail', 'unknown', 'not run', 'pass'] as const)
    .map((verdict) => [matrix.rows.filter((row) => row.verdict === verdict).length, verdict] as const)
    .filter(([count]) => count > 0)
    .map(([count, verdict]) => `${count} ${verdict}`)
    .join(', ')
}
