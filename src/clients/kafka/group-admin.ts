import { deleteGroupsV2, findCoordinatorV4, listGroupsV4, listGroupsV5, offsetCommitV8, offsetFetchV8 } from '@platformatic/kafka'
import { kafkaErrors, throwOnError } from './failure.ts'
import type { Broker, KafkaClient } from './kafka-client.ts'

export interface GroupListing {
  groupId: string
  /** `consumer` or `connect` for classic groups, empty for offsets stored without members. */
  protocolType: string
  /** `Empty`, `Stable`, … */
  state: string
  /** `classic`, `consumer`, `share`, `streams`; `classic` from brokers before 3.8, which do not say. */
  type: string
}

export interface CommittedOffset {
  topic: string
  partition: number
  offset: bigint
  metadata: string
}

/** Every group of the cluster, each broker asked for those it coordinates, ordered by id. */
export async function listGroups(client: KafkaClient): Promise<GroupListing[]> {
  return client.retrying(async () => {
    await client.topics([])
    const found = new Map<string, GroupListing>()
    for (const broker of client.brokers) {
      const answer = await askGroups(client, broker)
      throwOnError(answer.errorCode, `list the groups of broker ${broker.host}:${broker.port}`)
      for (const group of answer.groups) {
        found.set(group.groupId, { groupId: group.groupId, protocolType: group.protocolType, state: group.groupState, type: group.groupType })
      }
    }
    return [...found.values()].sort((a, b) => (a.groupId < b.groupId ? -1 : 1))
  })
}

async function askGroups(client: KafkaClient, broker: Broker) {
  if (await client.offers(broker, listGroupsV5.api)) return client.call(broker, 'main', [listGroupsV5.api], [], [])
  const answer = await client.call(broker, 'main', [listGroupsV4.api], [], [])
  return { ...answer, groups: answer.groups.map((group) => ({ ...group, groupType: 'classic' })) }
}

/** Every position that a group has committed, transactions settled. */
export async function fetchCommitted(client: KafkaClient, groupId: string): Promise<CommittedOffset[]> {
  return client.retrying(async () => {
    const coordinator = await coordinatorOf(client, groupId)
    const answer = await client.call(coordinator, 'main', [offsetFetchV8.api], [{ groupId, memberEpoch: -1, topics: null }], true)
    const group = answer.groups[0]
    if (group === undefined) return []
    throwOnError(group.errorCode, `read the offsets of group ${groupId}`)
    const offsets: CommittedOffset[] = []
    for (const { name, partitions } of group.topics) {
      for (const { partitionIndex, committedOffset, metadata, errorCode } of partitions) {
        throwOnError(errorCode, `read the offset of group ${groupId} in ${name}/${partitionIndex}`)
        if (committedOffset >= 0n) offsets.push({ topic: name, partition: partitionIndex, offset: committedOffset, metadata: metadata ?? '' })
      }
    }
    return offsets.sort((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1))
  })
}

/**
 * Commits positions for a group without members, at its coordinator, with leader epoch -1: an epoch of another cluster would make clients
 * refresh metadata for ever. A KafkaFailure of code 25 or 68 says that the group has members.
 */
export async function commitOffsets(client: KafkaClient, groupId: string, offsets: CommittedOffset[]): Promise<void> {
  const topics = new Map<string, CommittedOffset[]>()
  for (const offset of offsets) topics.set(offset.topic, [...(topics.get(offset.topic) ?? []), offset])
  const request = [...topics].map(([name, items]) => ({
    name,
    partitions: items.map((item) => ({
      partitionIndex: item.partition,
      committedOffset: item.offset,
      committedLeaderEpoch: -1,
      committedMetadata: item.metadata,
    })),
  }))
  await client.retrying(async () => {
    const coordinator = await coordinatorOf(client, groupId)
    const answer = await client.call(coordinator, 'main', [offsetCommitV8.api], groupId, -1, '', null, request)
    for (const { name, partitions } of answer.topics) {
      for (const { partitionIndex, errorCode } of partitions) throwOnError(errorCode, `commit ${groupId} in ${name}/${partitionIndex}`)
    }
  })
}

/** Deletes groups; missing ones are no error. A KafkaFailure of code 68 says that one has members. */
export async function deleteGroups(client: KafkaClient, groupIds: string[]): Promise<void> {
  for (const groupId of groupIds) {
    await client.retrying(async () => {
      const coordinator = await coordinatorOf(client, groupId)
      const answer = await client.call(coordinator, 'main', [deleteGroupsV2.api], [groupId])
      for (const { errorCode } of answer.results) {
        if (errorCode !== kafkaErrors.groupIdNotFound) throwOnError(errorCode, `delete group ${groupId}`)
      }
    })
  }
}

async function coordinatorOf(client: KafkaClient, groupId: string): Promise<Broker> {
  const answer = await client.call(await client.broker(), 'main', [findCoordinatorV4.api], 0, [groupId])
  const coordinator = answer.coordinators[0]
  throwOnError(coordinator === undefined ? 15 : coordinator.errorCode, `find the coordinator of group ${groupId}`, coordinator?.errorMessage)
  return { nodeId: coordinator?.nodeId ?? -1, host: coordinator?.host ?? '', port: coordinator?.port ?? 0 }
}
