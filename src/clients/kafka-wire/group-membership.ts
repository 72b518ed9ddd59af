import { WireReader, WireWriter } from './wire-bytes.ts'
import type { WireClient } from './wire-client.ts'
import type { WireApi } from './wire-connection.ts'
import { throwOnCode, WireFailure, wireCodes } from './wire-failure.ts'
import { coordinatorOf, type GroupMember } from './wire-offsets.ts'

const joinApi: WireApi = { key: 11, version: 7, name: 'JoinGroup', flexible: true }
const syncApi: WireApi = { key: 14, version: 5, name: 'SyncGroup', flexible: true }
const heartbeatApi: WireApi = { key: 12, version: 4, name: 'Heartbeat', flexible: true }
const leaveApi: WireApi = { key: 13, version: 4, name: 'LeaveGroup', flexible: true }

export interface TopicPartition {
  topic: string
  partition: number
}

export interface Membership {
  member: GroupMember
  assigned: TopicPartition[]
}

export interface GroupOptions {
  groupId: string
  topics: string[]
  sessionTimeoutMs: number
  rebalanceTimeoutMs: number
}

/**
 * Joins a classic group as a consumer with the range assignor, which every Java consumer offers too, and gives the partitions assigned to us.
 * As the leader it assigns to all. `memberId` is the one of an earlier generation, or empty.
 */
export async function joinGroup(client: WireClient, options: GroupOptions, memberId: string): Promise<Membership> {
  const { groupId, topics } = options
  const coordinator = await coordinatorOf(client, groupId)
  const body = new WireWriter().string(groupId).int32(options.sessionTimeoutMs).int32(options.rebalanceTimeoutMs)
  body.string(memberId).string(null).string('consumer')
  body.array([subscription(topics)], (metadata) => body.string('range').bytes(metadata).tags())
  const reader = await client.request(coordinator, 'group', joinApi, body.tags())
  reader.int32()
  const code = reader.int16()
  const generation = reader.int32()
  reader.nullableString()
  reader.nullableString()
  const leader = reader.string()
  const ownId = reader.string()
  if (code === wireCodes.memberIdRequired && memberId === '') return joinGroup(client, options, ownId)
  throwOnCode(code, `join group ${groupId}`)
  const members = reader.array(() => {
    const id = reader.string()
    reader.nullableString()
    const subscribed = subscribedTopics(reader.nullableBytes() ?? Buffer.alloc(0))
    reader.tags()
    return { id, subscribed }
  })
  const member = { groupId, generation, memberId: ownId }
  const shares = leader === ownId ? assignRanges(members, await partitionCounts(client, members)) : new Map<string, TopicPartition[]>()
  return { member, assigned: await syncGroup(client, coordinator, member, shares) }
}

async function syncGroup(
  client: WireClient,
  coordinator: { host: string; port: number },
  member: GroupMember,
  shares: Map<string, TopicPartition[]>,
) {
  const body = new WireWriter().string(member.groupId).int32(member.generation).string(member.memberId).string(null)
  body.string('consumer').string('range')
  body.array([...shares], ([id, share]) => body.string(id).bytes(assignment(share)).tags())
  const reader = await client.request(coordinator, 'group', syncApi, body.tags())
  reader.int32()
  throwOnCode(reader.int16(), `take part in group ${member.groupId}`)
  reader.nullableString()
  reader.nullableString()
  return assignedPartitions(reader.nullableBytes() ?? Buffer.alloc(0))
}

/** True while the membership holds; false when the group rebalances or has put us out: join again. */
export async function heartbeat(client: WireClient, member: GroupMember): Promise<boolean> {
  const body = new WireWriter().string(member.groupId).int32(member.generation).string(member.memberId).string(null).tags()
  const reader = await client.request(await coordinatorOf(client, member.groupId), 'group', heartbeatApi, body)
  reader.int32()
  const code = reader.int16()
  if (code === wireCodes.rebalanceInProgress || code === wireCodes.illegalGeneration || code === wireCodes.unknownMemberId) return false
  throwOnCode(code, `stay in group ${member.groupId}`)
  return true
}

/** Leaves at once, so that others need not wait for the session to time out. */
export async function leaveGroup(client: WireClient, member: GroupMember): Promise<void> {
  const body = new WireWriter().string(member.groupId)
  body.array([member.memberId], (id) => body.string(id).string(null).tags())
  const reader = await client.request(await coordinatorOf(client, member.groupId), 'group', leaveApi, body.tags())
  reader.int32()
  const code = reader.int16()
  if (code !== wireCodes.unknownMemberId) throwOnCode(code, `leave group ${member.groupId}`)
}

/** The range assignor of the Java clients: per topic, members by id, equal ranges, the first ones one longer. */
export function assignRanges(members: { id: string; subscribed: string[] }[], partitions: Map<string, number>): Map<string, TopicPartition[]> {
  const shares = new Map<string, TopicPartition[]>(members.map(({ id }) => [id, []]))
  const byId = [...members].sort((a, b) => (a.id < b.id ? -1 : 1))
  for (const topic of [...new Set(members.flatMap(({ subscribed }) => subscribed))].sort()) {
    const takers = byId.filter(({ subscribed }) => subscribed.includes(topic))
    const count = partitions.get(topic) ?? 0
    const [each, longer] = [Math.floor(count / takers.length), count % takers.length]
    let next = 0
    for (const [index, { id }] of takers.entries()) {
      for (let left = each + (index < longer ? 1 : 0); left > 0; left--) shares.get(id)?.push({ topic, partition: next++ })
    }
  }
  return shares
}

async function partitionCounts(client: WireClient, members: { subscribed: string[] }[]): Promise<Map<string, number>> {
  const topics = await client.topics([...new Set(members.flatMap(({ subscribed }) => subscribed))])
  return new Map(topics.map(({ name, partitions }) => [name, partitions.length]))
}

/*
  Consumer protocol, version 0 (ConsumerProtocolSubscription.json, ConsumerProtocolAssignment.json): version INT16,
    subscription: topics [STRING], user_data BYTES?;  assignment: [topic STRING, partitions [INT32]], user_data BYTES?
*/
function subscription(topics: string[]): Buffer {
  const writer = new WireWriter().int16(0)
  writer.longArray([...topics].sort(), (topic) => writer.shortString(topic))
  return writer.int32(-1).finish()
}

function subscribedTopics(bytes: Buffer): string[] {
  const reader = new WireReader(bytes)
  if (reader.int16() < 0) throw new WireFailure('not-supported', 'a group member speaks an unknown consumer protocol')
  return reader.longArray(() => reader.shortString())
}

function assignment(share: TopicPartition[]): Buffer {
  const topics = new Map<string, number[]>()
  for (const { topic, partition } of share) topics.set(topic, [...(topics.get(topic) ?? []), partition])
  const writer = new WireWriter().int16(0)
  writer.longArray([...topics], ([topic, partitions]) => {
    writer.shortString(topic).longArray(partitions, (partition) => writer.int32(partition))
  })
  return writer.int32(-1).finish()
}

function assignedPartitions(bytes: Buffer): TopicPartition[] {
  if (bytes.length === 0) return []
  const reader = new WireReader(bytes)
  reader.int16()
  return reader
    .longArray(() => {
      const topic = reader.shortString()
      return reader.longArray(() => ({ topic, partition: reader.int32() }))
    })
    .flat()
}
