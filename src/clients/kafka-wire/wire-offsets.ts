import { WireWriter } from './wire-bytes.ts'
import type { WireClient } from './wire-client.ts'
import type { WireApi } from './wire-connection.ts'
import { throwOnCode, wireCodes } from './wire-failure.ts'

const listOffsetsApi: WireApi = { key: 2, version: 6, name: 'ListOffsets', flexible: true }
const findCoordinatorApi: WireApi = { key: 10, version: 3, name: 'FindCoordinator', flexible: true }
const offsetFetchApi: WireApi = { key: 9, version: 7, name: 'OffsetFetch', flexible: true }
const offsetCommitApi: WireApi = { key: 8, version: 8, name: 'OffsetCommit', flexible: true }

/** `earliest`: log start; `latest`: high watermark; `stable`: last stable offset (the end for read-committed readers). */
export type WireOffsetKind = 'earliest' | 'latest' | 'stable'

/** One offset of one partition, asked at its leader. */
export async function offsetOf(client: WireClient, topic: string, partition: number, kind: WireOffsetKind): Promise<bigint> {
  const leader = await client.leaderOf(topic, partition)
  const body = new WireWriter().int32(-1).int8(kind === 'stable' ? 1 : 0)
  body.array([topic], (name) => {
    body.string(name).array([partition], (index) => {
      body
        .int32(index)
        .int32(-1)
        .int64(kind === 'earliest' ? -2n : -1n)
        .tags()
    })
    body.tags()
  })
  const reader = await client.request(leader, 'main', listOffsetsApi, body.tags())
  reader.int32()
  let found: { code: number; offset: bigint } = { code: wireCodes.unknownTopicOrPartition, offset: -1n }
  reader.array(() => {
    reader.string()
    reader.array(() => {
      reader.int32()
      const code = reader.int16()
      reader.int64()
      found = { code, offset: reader.int64() }
      reader.int32()
      reader.tags()
    })
    reader.tags()
  })
  throwOnCode(found.code, `read the ${kind} offset of topic ${topic} partition ${partition}`)
  return found.offset
}

/** The broker that keeps a group. */
export async function coordinatorOf(client: WireClient, groupId: string): Promise<{ host: string; port: number }> {
  const reader = await client.requestAny(findCoordinatorApi, new WireWriter().string(groupId).int8(0).tags())
  reader.int32()
  const code = reader.int16()
  throwOnCode(code, `find the coordinator of group ${groupId}`, reader.nullableString())
  reader.int32()
  return { host: reader.string(), port: reader.int32() }
}

export interface PartitionOffset {
  topic: string
  partition: number
  offset: bigint
}

/** What a group has committed for these partitions, transactions settled; partitions without a commit are left out. */
export async function committedOffsets(
  client: WireClient,
  groupId: string,
  partitions: { topic: string; partition: number }[],
): Promise<PartitionOffset[]> {
  const body = new WireWriter().string(groupId)
  body.array(byTopic(partitions), ([topic, items]) => {
    body.string(topic).array(items, ({ partition }) => body.int32(partition))
    body.tags()
  })
  body.bool(true).tags()
  const reader = await client.request(await coordinatorOf(client, groupId), 'group', offsetFetchApi, body)
  reader.int32()
  const found: PartitionOffset[] = []
  reader.array(() => {
    const topic = reader.string()
    reader.array(() => {
      const partition = reader.int32()
      const offset = reader.int64()
      reader.int32()
      reader.nullableString()
      throwOnCode(reader.int16(), `read the offset of group ${groupId} in ${topic}/${partition}`)
      reader.tags()
      if (offset >= 0n) found.push({ topic, partition, offset })
    })
    reader.tags()
  })
  throwOnCode(reader.int16(), `read the offsets of group ${groupId}`)
  return found
}

export interface GroupMember {
  groupId: string
  generation: number
  memberId: string
}

/** Commits the offsets of the next records to read, as a member of the group. */
export async function commitAsMember(client: WireClient, member: GroupMember, offsets: PartitionOffset[]): Promise<void> {
  const body = new WireWriter().string(member.groupId).int32(member.generation).string(member.memberId).string(null)
  body.array(byTopic(offsets), ([topic, items]) => {
    body.string(topic).array(items, ({ partition, offset }) => body.int32(partition).int64(offset).int32(-1).string('').tags())
    body.tags()
  })
  const reader = await client.request(await coordinatorOf(client, member.groupId), 'group', offsetCommitApi, body.tags())
  reader.int32()
  reader.array(() => {
    const topic = reader.string()
    reader.array(() => {
      const partition = reader.int32()
      throwOnCode(reader.int16(), `commit the offset of group ${member.groupId} in ${topic}/${partition}`)
      reader.tags()
    })
    reader.tags()
  })
}

function byTopic<T extends { topic: string }>(items: readonly T[]): [string, T[]][] {
  const topics = new Map<string, T[]>()
  for (const item of items) topics.set(item.topic, [...(topics.get(item.topic) ?? []), item])
  return [...topics]
}
