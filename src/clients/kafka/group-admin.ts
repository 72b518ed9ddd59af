import { kafkaErrors, throwOnError } from './failure.ts'
import type { Broker, KafkaClient } from './kafka-client.ts'
import { deleteGroupsRequest, findCoordinator, listGroupsRequest, offsetCommit, offsetFetch } from './requests/groups.ts'

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
      const answer = await client.call(broker, 'main', listGroupsRequest, null)
      throwOnError(answer.errorCode, `list the groups of broker ${broker.host}:${broker.port}`)
      for (const group of answer.groups) found.set(group.groupId, group)
    }
    return [...found.values()].sort((a, b) => (a.groupId < b.groupId ? -1 : 1))
  })
}

/** Every position that a group has committed, transactions settled. */
export async function fetchCommitted(client: KafkaClient, groupId: string): Promise<CommittedOffset[]> {
  return client.retrying(async () => {
    const coordinator = await coordinatorOf(client, groupId)
    const [group] = await client.call(coordinator, 'main', offsetFetch, groupId)
    if (group === undefined) return []
    throwOnError(group.errorCode, `read the offsets of group ${groupId}`)
    const offsets: CommittedOffset[] = []
    for (const { topic, partition, offset, metadata, errorCode } of group.offsets) {
      throwOnError(errorCode, `read the offset of group ${groupId} in ${topic}/${partition}`)
      if (offset >= 0n) offsets.push({ topic, partition, offset, metadata: metadata ?? '' })
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
  const ask = { groupId, topics: [...topics].map(([name, partitions]) => ({ name, partitions })) }
  await client.retrying(async () => {
    for (const { topic, partition, errorCode } of await client.call(await coordinatorOf(client, groupId), 'main', offsetCommit, ask)) {
      throwOnError(errorCode, `commit ${groupId} in ${topic}/${partition}`)
    }
  })
}

/** Deletes groups; missing ones are no error. A KafkaFailure of code 68 says that one has members. */
export async function deleteGroups(client: KafkaClient, groupIds: string[]): Promise<void> {
  for (const groupId of groupIds) {
    await client.retrying(async () => {
      for (const { errorCode } of await client.call(await coordinatorOf(client, groupId), 'main', deleteGroupsRequest, groupId)) {
        if (errorCode !== kafkaErrors.groupIdNotFound) throwOnError(errorCode, `delete group ${groupId}`)
      }
    })
  }
}

async function coordinatorOf(client: KafkaClient, groupId: string): Promise<Broker> {
  const [coordinator] = await client.call(await client.broker(), 'main', findCoordinator, groupId)
  throwOnError(coordinator === undefined ? 15 : coordinator.errorCode, `find the coordinator of group ${groupId}`, coordinator?.errorMessage)
  return { nodeId: coordinator?.nodeId ?? -1, host: coordinator?.host ?? '', port: coordinator?.port ?? 0 }
}
