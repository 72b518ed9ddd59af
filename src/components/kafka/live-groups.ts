import type { KafkaConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import type { Finding } from '../../base/finding.ts'
import { type CommittedOffset, fetchCommitted, type GroupListing, listGroups } from '../../clients/kafka/group-admin.ts'
import { connectKafka, type KafkaClient } from '../../clients/kafka/kafka-client.ts'
import { listOffsets } from '../../clients/kafka/list-offsets.ts'
import type { PlanStep, RestoreOutcome } from '../component.ts'
import { applyPositions } from './groups.ts'
import { matchesAny } from './match-names.ts'
import { isMapped, mapEnd, mapOffset, type OffsetMap, targetTopic } from './offset-map.ts'
import type { GroupSnapshot, KafkaPart } from './part.ts'

export interface LiveGroupsOptions {
  part: KafkaPart
  /** Globs of group ids; each must match a group of the backup. */
  groups: string[]
  /** Globs of topics: only positions in them. All when left out. */
  topics?: string[]
  /** Where a restore has put the records, when the live topics are what it made. */
  offsetMap?: OffsetMap
  config: KafkaConfig
  context: Context
}

export interface LiveGroupsPlan {
  steps: PlanStep[]
  /** Positions that their logs do not reach any more, and what is left out. */
  findings: Finding[]
  positions: { groupId: string; offsets: CommittedOffset[] }[]
}

/**
 * Where groups of a backup would stand on topics that live on. Touches nothing. Every topic must be the very one that the backup was taken
 * from, by its topic id, or the one that the offset map's restore made. Throws `group-not-applied` with all that is in the way (another topic
 * of that name, none, members that are connected), `topic-pattern-empty` for a glob that matches nothing.
 */
export async function planLiveGroups(options: LiveGroupsOptions): Promise<LiveGroupsPlan> {
  const groups = chooseGroups(options)
  await using client = await connectKafka(options.config, options.context)
  const findings: Finding[] = groups.filter(({ type }) => type === 'share').map(({ groupId }) => shareGroup(groupId))
  const wanted = groups.map(({ groupId, offsets }) => ({ groupId, offsets: offsets.filter(({ topic }) => isChosen(topic, options.topics)) }))
  const refusals = [...(await busyGroups(client, wanted)), ...(await foreignTopics(client, wanted, options))]
  if (refusals.length > 0)
    throw new DatapipeError('group-not-applied', refusals.map(({ what }) => what).join('; '), { path: 'kafka/groups', hint: refusals[0]?.hint ?? '' })
  const positions: LiveGroupsPlan['positions'] = []
  const steps: PlanStep[] = []
  const ends = await logEnds(client, wanted, options.offsetMap)
  for (const { groupId, offsets } of wanted) {
    if (offsets.length === 0) {
      findings.push(note('group-without-position', 'warning', groupId, 'has no position in the backup that could be set'))
      continue
    }
    const now = new Map((await fetchCommitted(client, groupId)).map((offset) => [`${offset.topic}/${offset.partition}`, offset.offset]))
    const placed = offsets.map((offset) => place(groupId, offset, ends, options.offsetMap))
    findings.push(...placed.flatMap(({ finding }) => finding ?? []))
    positions.push({ groupId, offsets: placed.map(({ offset }) => offset) })
    for (const { offset } of placed) steps.push(stepOf(groupId, offset, now.get(`${offset.topic}/${offset.partition}`)))
  }
  if (positions.length === 0)
    throw new DatapipeError('group-not-applied', 'no position is left to be set', { path: 'kafka/groups', hint: 'look at GROUPS in `datapipe show`' })
  return { steps, findings, positions }
}

/** Sets the positions of a plan, and nothing else, and reads them back. Throws `group-not-applied` with every group that was not applied. */
export async function setLiveGroups({ positions, findings }: LiveGroupsPlan, config: KafkaConfig, context: Context): Promise<RestoreOutcome> {
  await using client = await connectKafka(config, context)
  const counts = await applyPositions(client, positions)
  return { component: 'kafka', counts, bytes: 0, findings }
}

function chooseGroups({ part, groups }: LiveGroupsOptions): GroupSnapshot[] {
  for (const glob of groups) {
    if (part.groups.some(({ groupId }) => matchesAny(groupId, [glob]))) continue
    throw new DatapipeError('topic-pattern-empty', `--group ${glob} matches no group of the backup`, {
      path: glob,
      hint: 'run `datapipe show` for its groups',
    })
  }
  return part.groups.filter(({ groupId }) => matchesAny(groupId, groups))
}

const isChosen = (topic: string, globs: string[] | undefined) => globs === undefined || matchesAny(topic, globs)

interface Refusal {
  what: string
  hint: string
}

type Wanted = { groupId: string; offsets: CommittedOffset[] }[]

async function busyGroups(client: KafkaClient, wanted: Wanted): Promise<Refusal[]> {
  const there = new Map<string, GroupListing>((await listGroups(client)).map((group) => [group.groupId, group]))
  return wanted.flatMap(({ groupId }) => {
    const state = there.get(groupId)?.state ?? 'Dead'
    if (state === 'Empty' || state === 'Dead') return []
    return [{ what: `group ${groupId} has members (${state})`, hint: 'stop its consumers: they would go on from where they are, and commit over it' }]
  })
}

async function foreignTopics(client: KafkaClient, wanted: Wanted, { part, offsetMap }: LiveGroupsOptions): Promise<Refusal[]> {
  const names = [...new Set(wanted.flatMap(({ offsets }) => offsets.map(({ topic }) => topic)))]
  const targets = new Map(names.map((topic) => [topic, targetOf(wanted, topic, offsetMap)]))
  const live = new Map((await client.topics([...new Set(targets.values())])).map((topic) => [topic.name, topic]))
  return names.flatMap((topic): Refusal[] => {
    const target = targets.get(topic) ?? topic
    const found = live.get(target)
    const own = part.topics.find(({ name }) => name === topic)
    const leaveOut = 'choose others with --topic'
    if (found === undefined) return [{ what: `topic ${target} is not there`, hint: `restore it first, or ${leaveOut}` }]
    if (offsetMap !== undefined) {
      const lacking = wanted
        .flatMap(({ offsets }) => offsets)
        .find((offset) => offset.topic === topic && !isMapped(offsetMap, topic, offset.partition))
      return lacking === undefined
        ? []
        : [{ what: `the offset map does not know ${topic}/${lacking.partition}`, hint: `take the map of the restore that made it, or ${leaveOut}` }]
    }
    if (own === undefined) return [{ what: `the backup does not hold topic ${topic}, so that nobody can say whether it is the same`, hint: leaveOut }]
    if (own.topicId === found.topicId) return []
    return [
      {
        what: `topic ${topic} is another one than in the backup (id ${found.topicId}, was ${own.topicId}): its offsets mean other records`,
        hint: `if a restore has made it, name the file that its --offset-map wrote: --by-offset-map FILE; or ${leaveOut}`,
      },
    ]
  })
}

function targetOf(wanted: Wanted, topic: string, map: OffsetMap | undefined): string {
  const partition = wanted.flatMap(({ offsets }) => offsets).find((offset) => offset.topic === topic)?.partition ?? 0
  return map === undefined ? topic : targetTopic(map, topic, partition)
}

interface LogEnds {
  first: Map<string, Map<number, bigint>>
  end: Map<string, Map<number, bigint>>
}

async function logEnds(client: KafkaClient, wanted: Wanted, map: OffsetMap | undefined): Promise<LogEnds> {
  const partitions = new Map<string, Set<number>>()
  for (const { topic, partition } of wanted.flatMap(({ offsets }) => offsets)) {
    const name = map === undefined ? topic : targetTopic(map, topic, partition)
    partitions.set(name, (partitions.get(name) ?? new Set()).add(partition))
  }
  const asked = new Map([...partitions].map(([topic, numbers]) => [topic, [...numbers]]))
  return { first: await listOffsets(client, asked, 'earliest'), end: await listOffsets(client, asked, 'latest') }
}

/** Outside of its log a position would throw the consumer back on `auto.offset.reset`, which may skip everything: it is set to the log's nearest place. */
function place(groupId: string, offset: CommittedOffset, ends: LogEnds, map: OffsetMap | undefined): { offset: CommittedOffset; finding?: Finding } {
  const { partition } = offset
  const topic = map === undefined ? offset.topic : targetTopic(map, offset.topic, partition)
  const wanted = map === undefined ? offset.offset : mapOffset(map, offset.topic, partition, offset.offset)
  const first = ends.first.get(topic)?.get(partition) ?? 0n
  const end = ends.end.get(topic)?.get(partition) ?? 0n
  const item = `${groupId}/${topic}/${partition}`
  if (map !== undefined && end < mapEnd(map, offset.topic, partition)) {
    throw new DatapipeError(
      'group-not-applied',
      `${topic}/${partition} ends at ${end}, the restore of the offset map left it with ${mapEnd(map, offset.topic, partition)} or more`,
      {
        path: `kafka/topics/${topic}/${partition}`,
        hint: 'the map belongs to another restore',
      },
    )
  }
  const placed = placeInLog(item, { wanted, first, end })
  return { offset: { ...offset, topic, offset: placed.offset }, ...(placed.finding && { finding: placed.finding }) }
}

/** Where a position stands in a log from `first` to `end`, and what is to be told when it lay outside. Pure. */
export function placeInLog(
  item: string,
  { wanted, first, end }: { wanted: bigint; first: bigint; end: bigint },
): { offset: bigint; finding?: Finding } {
  if (wanted < first) {
    const message = `stood at ${wanted}, and the log begins at ${first} now: the ${first - wanted} offsets in between are gone; it is set to ${first}`
    return { offset: first, finding: note('position-before-log', 'harm', item, message) }
  }
  if (wanted > end) {
    const message = `stood at ${wanted}, and the log ends at ${end}: records have been lost; it is set to ${end}`
    return { offset: end, finding: note('position-behind-log', 'harm', item, message) }
  }
  return { offset: wanted }
}

function stepOf(groupId: string, { topic, partition, offset }: CommittedOffset, now: bigint | undefined): PlanStep {
  const from = now === undefined ? 'no position' : `${now}`
  const effect =
    now === undefined || now === offset
      ? ''
      : now > offset
        ? `, which gives it ${now - offset} offsets again`
        : `, which skips ${offset - now} offsets that it has not read`
  return {
    component: 'kafka',
    text: `set group ${groupId} in ${topic}/${partition} to ${offset} (now: ${from})${effect}`,
    destructive: now !== undefined && now !== offset,
  }
}

function shareGroup(groupId: string): Finding {
  return note('group-kind-not-restored', 'warning', groupId, 'a share group has no positions to set: it starts by its own reset policy')
}

function note(code: string, severity: Finding['severity'], item: string, message: string): Finding {
  return { severity, code, component: 'kafka', item, message }
}
