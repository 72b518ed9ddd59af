import type { KafkaConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { DatapipeError, describeError } from '../../base/errors.ts'
import type { Finding } from '../../base/finding.ts'
import { type CommittedOffset, commitOffsets, fetchCommitted, listGroups } from '../../clients/kafka/group-admin.ts'
import { connectKafka, type KafkaClient } from '../../clients/kafka/kafka-client.ts'
import type { PlanStep, RestoreOutcome } from '../component.ts'
import { isEphemeralGroup } from './ephemeral-groups.ts'
import { matchesAny } from './match-names.ts'
import { isMapped, mapOffset, type OffsetMap, targetTopic } from './offset-map.ts'
import type { GroupSnapshot, KafkaPart } from './part.ts'
import { againFinding, type SpreadPositions } from './spread-positions.ts'

/** The selected groups with every position that they have committed, ordered by id. */
export async function readGroups(config: KafkaConfig, context: Context): Promise<GroupSnapshot[]> {
  await using client = await connectKafka(config, context)
  return await readGroupsOf(client, config)
}

/** The same over an open connection. */
export async function readGroupsOf(client: KafkaClient, config: KafkaConfig): Promise<GroupSnapshot[]> {
  const { include, exclude } = config.groups
  const listed = (await listGroups(client)).filter(
    ({ groupId }) => matchesAny(groupId, include) && !matchesAny(groupId, exclude) && !isEphemeralGroup(groupId),
  )
  const groups: GroupSnapshot[] = []
  for (const { groupId, type, protocolType, state } of listed) {
    // Share groups keep acquisition states, not positions: the offsets API does not know them.
    const offsets = type === 'share' ? [] : await fetchCommitted(client, groupId)
    groups.push({ groupId, type, protocolType, state, offsets })
  }
  return groups
}

export interface PlanGroupsOptions {
  part: KafkaPart
  /** The topics that are restored, as in the backup: positions in others are left out. */
  topics: string[]
  config: KafkaConfig
  context: Context
}

/**
 * The groups whose positions a restore sets, as a step. Throws `group-not-applied` with every one of them that has members in the target:
 * a broker takes a position from outside only for a group that nobody is in, and to hear that after the load is too late.
 */
export async function planRestoreGroups({ part, topics, config, context }: PlanGroupsOptions): Promise<PlanStep[]> {
  const wanted = part.groups.filter(({ offsets }) => offsets.some(({ topic }) => topics.includes(topic)))
  if (wanted.length === 0) return []
  await using client = await connectKafka(config, context)
  const there = new Map((await listGroups(client)).map((group) => [group.groupId, group]))
  const busy = wanted.flatMap(({ groupId }) => {
    const state = there.get(groupId)?.state ?? 'Dead'
    return state === 'Empty' || state === 'Dead' ? [] : [`${groupId} (${state})`]
  })
  if (busy.length > 0)
    throw new DatapipeError('group-not-applied', `groups have members, so that their positions cannot be set: ${busy.join(', ')}`, {
      path: 'kafka/groups',
      hint: 'stop their consumers, or restore the topics --without-groups',
    })
  return [
    {
      component: 'kafka',
      text: `set the positions of ${wanted.length} groups: ${wanted.map(({ groupId }) => groupId).join(', ')}`,
      destructive: false,
    },
  ]
}

export interface RestoreGroupsOptions {
  part: KafkaPart
  offsetMap: OffsetMap
  config: KafkaConfig
  context: Context
  /** Only these; every group of the backup when left out. */
  groups?: string[]
  /** Only positions in these topics, when not all were to be restored; those in others are then nobody's loss. */
  topics?: string[]
  /** By topics whose records were spread anew: where groups stand there. */
  spread?: ReadonlyMap<string, SpreadPositions>
}

/**
 * Sets group positions to the next restored record at or after the one that the backup has, and reads them back. Positions in topics
 * that were not restored are findings. Throws `group-not-applied` with every group that was not applied (a group must have no members).
 */
export async function restoreGroups(options: RestoreGroupsOptions): Promise<RestoreOutcome> {
  const { part, config, context } = options
  await using client = await connectKafka(config, context)
  const findings: Finding[] = []
  const wanted: { groupId: string; offsets: CommittedOffset[] }[] = []
  for (const group of part.groups) {
    if (options.groups !== undefined && !options.groups.includes(group.groupId)) continue
    if (group.type === 'share') {
      findings.push(finding('group-kind-not-restored', group.groupId, 'a share group has no positions to set: it starts by its own reset policy'))
    }
    const { offsets, notes } = positionsOf(group, options)
    findings.push(...notes)
    if (offsets.length > 0) wanted.push({ groupId: group.groupId, offsets })
  }
  return { component: 'kafka', counts: await applyPositions(client, wanted), bytes: 0, findings }
}

/** Sets the positions of groups without members, and reads them back. Throws `group-not-applied` with every group that was not applied. */
export async function applyPositions(
  client: KafkaClient,
  wanted: readonly { groupId: string; offsets: CommittedOffset[] }[],
): Promise<{ groups: number; positions: number }> {
  const failures: string[] = []
  let [groups, positions] = [0, 0]
  for (const { groupId, offsets } of wanted) {
    try {
      await commitOffsets(client, groupId, offsets)
      const differing = await firstDifference(client, groupId, offsets)
      if (differing === undefined) {
        groups++
        positions += offsets.length
      } else {
        failures.push(`${groupId}: ${differing}`)
      }
    } catch (error) {
      if (error instanceof DatapipeError && error.code === 'interrupted') throw error
      failures.push(`${groupId}: ${describeError(error)}`)
    }
  }
  if (failures.length > 0) throw new DatapipeError('group-not-applied', `${failures.length} groups were not applied: ${failures.join('; ')}`)
  return { groups, positions }
}

/** The positions that a group gets, and what it does not. */
function positionsOf(group: GroupSnapshot, { offsetMap, topics, spread }: RestoreGroupsOptions): { offsets: CommittedOffset[]; notes: Finding[] } {
  const own = group.offsets.filter(({ topic }) => topics?.includes(topic) ?? true)
  const offsets: CommittedOffset[] = []
  const notes: Finding[] = []
  const lost = new Set<string>()
  for (const offset of own) {
    if (isMapped(offsetMap, offset.topic, offset.partition)) offsets.push(translate(offset, offsetMap))
    else if (!spread?.has(offset.topic)) lost.add(offset.topic)
  }
  for (const [topic, groups] of spread ?? []) {
    const position = groups.get(group.groupId)
    if (position === undefined) continue
    offsets.push(...position.offsets)
    notes.push(...againFinding(group.groupId, topic, position.again))
  }
  for (const topic of lost) {
    const message = `the position in ${topic} was left out: that topic was not restored`
    notes.push(finding('group-topic-not-restored', `${group.groupId}/${topic}`, message))
  }
  return { offsets, notes }
}

function translate(offset: CommittedOffset, map: OffsetMap): CommittedOffset {
  const { topic, partition } = offset
  return { ...offset, topic: targetTopic(map, topic, partition), offset: mapOffset(map, topic, partition, offset.offset) }
}

async function firstDifference(client: KafkaClient, groupId: string, wanted: CommittedOffset[]): Promise<string | undefined> {
  const stored = new Map((await fetchCommitted(client, groupId)).map((item) => [`${item.topic}/${item.partition}`, item]))
  for (const { topic, partition, offset, metadata } of wanted) {
    const found = stored.get(`${topic}/${partition}`)
    if (found === undefined) return `${topic}/${partition} has no position after the commit`
    if (found.offset !== offset) return `${topic}/${partition} is at ${found.offset} instead of ${offset}`
    if (found.metadata !== metadata)
      return `${topic}/${partition} has the metadata ${JSON.stringify(found.metadata)} instead of ${JSON.stringify(metadata)}`
  }
  return undefined
}

function finding(code: string, item: string, message: string): Finding {
  return { severity: 'warning', code, component: 'kafka', item, message }
}
