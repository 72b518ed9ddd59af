import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import type { Finding } from '../../base/finding.ts'
import { type Comparison, compareRecords } from './compare-records.ts'
import { type KafkaSide, type OpenSide, openSide, type SideTopic } from './diff-side.ts'
import type { GroupSnapshot } from './part.ts'

export type { KafkaSide } from './diff-side.ts'

export interface DiffOptions {
  /** Names of the sides in messages, `['backup', 'live']` by default. */
  sides?: [string, string]
  /** Findings per partition after which its comparison stops (default 5). */
  limit?: number
  /** Only these topics and groups; all of both sides when left out. */
  topics?: string[]
  groups?: string[]
  /** Whose records may hold secrets: their values are told by length and hash, never shown. */
  hideValuesOf?: (topic: string) => boolean
}

/**
 * Compares two Kafkas: topic sets, partition counts, configurations, every committed record in order, and groups by the record that each
 * position points to. Only what differs is a finding, with the values; memory does not grow with the data.
 */
export async function diffKafka(a: KafkaSide, b: KafkaSide, context: Context, options: DiffOptions = {}): Promise<Finding[]> {
  await using left = await openSide(a, 'a', context)
  await using right = await openSide(b, 'b', context)
  const sides = options.sides ?? ['backup', 'live']
  const wanted = <T extends { name: string }>(topics: T[]) => topics.filter(({ name }) => options.topics?.includes(name) ?? true)
  const findings: Finding[] = []
  const compared = new Map<string, Comparison>()
  for (const topic of wanted(left.topics)) {
    const other = right.topics.find(({ name }) => name === topic.name)
    if (other === undefined) {
      findings.push(harm('topic-missing', topic.name, `${sides[1]} has no topic ${topic.name}`))
      continue
    }
    findings.push(...compareShape(topic, other, sides))
    for (const partition of topic.partitions.filter((candidate) => other.partitions.includes(candidate))) {
      if (context.signal.aborted) throw new DatapipeError('interrupted', 'interrupted while comparing topics')
      const hideValues = options.hideValuesOf?.(topic.name) ?? false
      const comparison = await comparePartition({ left, right, topic, other, partition, sides, limit: options.limit ?? 5, hideValues })
      findings.push(...comparison.findings)
      compared.set(`${topic.name}/${partition}`, comparison)
    }
  }
  for (const { name } of wanted(right.topics)) {
    if (!left.topics.some((topic) => topic.name === name))
      findings.push(harm('topic-extra', name, `${sides[1]} has a topic ${name} that ${sides[0]} lacks`))
  }
  const groups = (side: OpenSide) => side.groups.filter(({ groupId, offsets }) => offsets.length > 0 && (options.groups?.includes(groupId) ?? true))
  findings.push(...compareGroups(groups(left), groups(right), compared, sides))
  return findings
}

interface PartitionComparison {
  left: OpenSide
  right: OpenSide
  topic: SideTopic
  other: SideTopic
  partition: number
  sides: [string, string]
  limit: number
  hideValues: boolean
}

function comparePartition({ left, right, topic, other, partition, sides, limit, hideValues }: PartitionComparison): Promise<Comparison> {
  const positions = (side: OpenSide) =>
    side.groups.flatMap(({ offsets }) =>
      offsets.filter((item) => item.topic === topic.name && item.partition === partition).map(({ offset }) => offset),
    )
  return compareRecords(left.records(topic.name, partition), right.records(topic.name, partition), {
    item: `${topic.name}/${partition}`,
    sides,
    sameOffsets: topic.topicId === other.topicId,
    compacted: [topic, other].some(({ configs }) => configs['cleanup.policy']?.includes('compact')),
    limit,
    hideValues,
    positions: [positions(left), positions(right)],
  })
}

function compareShape(topic: SideTopic, other: SideTopic, sides: [string, string]): Finding[] {
  const findings: Finding[] = []
  if (topic.partitions.length !== other.partitions.length) {
    const message = `${topic.partitions.length} partitions in ${sides[0]}, ${other.partitions.length} in ${sides[1]}`
    findings.push(harm('partitions-differ', topic.name, message))
  }
  for (const name of new Set([...Object.keys(topic.configs), ...Object.keys(other.configs)])) {
    const [one, two] = [topic.configs[name] ?? 'not set', other.configs[name] ?? 'not set']
    if (one !== two) findings.push(harm('config-differs', `${topic.name}: ${name}`, `${one} in ${sides[0]}, ${two} in ${sides[1]}`))
  }
  if (topic.replicationFactor !== other.replicationFactor) {
    const message = `replication factor ${topic.replicationFactor} in ${sides[0]}, ${other.replicationFactor} in ${sides[1]}`
    findings.push({ ...harm('replication-differs', topic.name, message), severity: 'warning' })
  }
  return findings
}

function compareGroups(left: GroupSnapshot[], right: GroupSnapshot[], compared: Map<string, Comparison>, sides: [string, string]): Finding[] {
  const findings: Finding[] = []
  for (const group of left) {
    const other = right.find(({ groupId }) => groupId === group.groupId)
    if (other === undefined) {
      findings.push(harm('group-missing', group.groupId, `${sides[1]} has no positions of group ${group.groupId}`))
      continue
    }
    for (const position of group.offsets) findings.push(...comparePosition(group.groupId, position, other, compared, sides))
    for (const position of other.offsets) {
      if (group.offsets.some(({ topic, partition }) => topic === position.topic && partition === position.partition)) continue
      const item = `${group.groupId}/${position.topic}/${position.partition}`
      findings.push(harm('group-differs', item, `${sides[1]} has a position (offset ${position.offset}) that ${sides[0]} lacks`))
    }
  }
  for (const { groupId } of right) {
    if (!left.some((group) => group.groupId === groupId))
      findings.push(harm('group-extra', groupId, `${sides[1]} has positions of a group that ${sides[0]} lacks`))
  }
  return findings
}

function comparePosition(
  groupId: string,
  position: GroupSnapshot['offsets'][number],
  other: GroupSnapshot,
  compared: Map<string, Comparison>,
  sides: [string, string],
): Finding[] {
  const key = `${position.topic}/${position.partition}`
  const comparison = compared.get(key)
  if (comparison === undefined) return []
  const item = `${groupId}/${key}`
  const found = other.offsets.find(({ topic, partition }) => topic === position.topic && partition === position.partition)
  if (found === undefined) return [harm('group-differs', item, `${sides[1]} has no position, ${sides[0]} has offset ${position.offset}`)]
  const [one, two] = [comparison.ordinals[0].get(position.offset), comparison.ordinals[1].get(found.offset)]
  if (one !== two) {
    const where = (offset: bigint, ordinal: bigint | undefined) => `offset ${offset} (record number ${ordinal ?? 'unknown'})`
    return [harm('group-differs', item, `${where(position.offset, one)} in ${sides[0]}, ${where(found.offset, two)} in ${sides[1]}`)]
  }
  if (position.metadata === found.metadata) return []
  return [
    harm('group-differs', item, `metadata ${JSON.stringify(position.metadata)} in ${sides[0]}, ${JSON.stringify(found.metadata)} in ${sides[1]}`),
  ]
}

function harm(code: string, item: string, message: string): Finding {
  return { severity: 'harm', code, component: 'kafka', item, message, next: 'datapipe diff' }
}
