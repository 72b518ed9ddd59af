import type { Context } from '../../base/context.ts'
import type { Finding } from '../../base/finding.ts'
import { formatLsn } from '../../base/lsn.ts'
import type { PlanStep } from '../../components/component.ts'
import type { KafkaPart } from '../../components/kafka/part.ts'
import { formatTime, neighbours } from '../../recovery-point/aim.ts'
import type { RecoveryPoint } from '../../repository/manifest.ts'
import type { Backup } from '../../repository/open-backup.ts'
import { settledIn } from '../backup/settled-ends.ts'
import { cutBackup } from '../cut/cut-backup.ts'
import { partsOf } from './parts.ts'
import type { Cut } from './resolve-point.ts'

/** What a restore brings the components to. */
export interface EffectivePoint {
  /** Its end offsets are those of the cut. */
  point: RecoveryPoint
  /** By topic: records from this time on do not belong (milliseconds). */
  toTimes: ReadonlyMap<string, bigint>
  steps: PlanStep[]
  findings: Finding[]
}

export interface EffectivePointOptions {
  backup: Backup
  cut: Cut | undefined
  /** Topics are restored. */
  withKafka: boolean
  context: Context
}

/**
 * The backup's own point, or the one that it is cut at: change events by the commits of their transactions, records of all other topics by the
 * time of the last commit that belongs. Reads topics where it has to. Throws as `cutBackup`.
 */
export async function effectivePoint({ backup, cut, withKafka, context }: EffectivePointOptions): Promise<EffectivePoint> {
  const { recoveryPoint: own } = backup.manifest
  if (cut === undefined) return uncut(own)
  const parts = partsOf(backup)
  const { kafka } = parts
  if (kafka === undefined || !withKafka) return uncut(pointAt(own, cut, new Map()))
  const readers = { kafka: backup.component('kafka'), registry: backup.component('registry'), connect: backup.component('connect') }
  const { lsn, log } = cut
  const { ends, others, counts, findings } = await cutBackup({ parts, readers, log, lsn, settled: settledIn(own, lsn), context })
  const toTime = endOfTime(cut)
  const step = (text: string): PlanStep => ({ component: 'kafka', text, destructive: false })
  const names = others.length > 5 ? `${others.slice(0, 5).join(', ')} and ${others.length - 5} more` : others.join(', ')
  return {
    point: pointAt(own, cut, ends),
    toTimes: new Map(others.map((name) => [name, toTime])),
    steps: [
      step(`leave out ${counts.removed} change events of transactions behind ${formatLsn(lsn)}, in ${ends.size} of ${counts.partitions} partitions`),
      ...(others.length === 0 ? [] : [step(`leave out records from ${formatTime(toTime * 1000n)} on of topics without change events: ${names}`)]),
    ],
    findings: [...findings, ...groupsBeyond(kafka, ends)],
  }
}

function uncut(point: RecoveryPoint): EffectivePoint {
  return { point, toTimes: new Map(), steps: [], findings: [] }
}

function pointAt(own: RecoveryPoint, { target, lsn, commit }: Cut, ends: ReadonlyMap<string, bigint>): RecoveryPoint {
  const { kafka, postgres } = own
  if (postgres === undefined) throw new TypeError('a cut without PostgreSQL')
  const { systemIdentifier, timeline } = postgres
  const known = commit === undefined ? {} : { xid: String(commit.xid), time: formatTime(commit.timestampUs) }
  return {
    name: target,
    kind: 'transaction',
    takenAt: commit === undefined ? own.takenAt : formatTime(commit.timestampUs),
    postgres: { systemIdentifier, timeline, lsn: formatLsn(lsn), ...known },
    ...(kafka && {
      kafka: {
        clusterId: kafka.clusterId,
        endOffsets: Object.fromEntries(
          Object.entries(kafka.endOffsets).map(([topic, partitions]) => [
            topic,
            Object.fromEntries(Object.entries(partitions).map(([partition, end]) => [partition, String(ends.get(`${topic}/${partition}`) ?? end)])),
          ]),
        ),
      },
    }),
  }
}

/** Groups that have read what the restore leaves out: they will stand on the end, and cannot forget what they have seen. */
function groupsBeyond({ groups }: KafkaPart, ends: ReadonlyMap<string, bigint>): Finding[] {
  return groups.flatMap(({ groupId, offsets }) =>
    offsets.flatMap(({ topic, partition, offset }) => {
      const end = ends.get(`${topic}/${partition}`)
      if (end === undefined || offset <= end) return []
      return [
        {
          severity: 'warning' as const,
          code: 'group-beyond-cut',
          component: 'kafka' as const,
          item: `${groupId}/${topic}/${partition}`,
          message: `had read up to offset ${offset}, and the cut ends the partition at ${end}: it will stand on the end, and has seen events of transactions that will not have been`,
          next: 'undo what the consumer made of them, or restore its own store to the same moment',
        },
      ]
    }),
  )
}

/** Milliseconds: the last commit's own belongs; where none is known before the cut, all before the first one behind it. */
function endOfTime({ commit, lsn, log }: Cut): bigint {
  if (commit !== undefined) return commit.timestampUs / 1000n + 1n
  const { after } = neighbours(log, lsn)
  if (after === undefined) throw new TypeError('a cut before no commit is the own point of its backup')
  return after.timestampUs / 1000n
}
