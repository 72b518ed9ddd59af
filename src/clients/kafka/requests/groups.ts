import { WireWriter } from '../../kafka-wire/wire-bytes.ts'
import type { KafkaRequest } from './kafka-request.ts'

export interface Coordinator {
  errorCode: number
  errorMessage: string | null
  nodeId: number
  host: string
  port: number
}

/*
  FindCoordinator Request v4 => key_type INT8 (0: group), [key COMPACT_STRING], TAGS
  FindCoordinator Response v4 => throttle INT32, [key COMPACT_STRING, node_id INT32, host COMPACT_STRING, port INT32, error_code INT16,
    error_message COMPACT_STRING?, TAGS], TAGS
*/
export const findCoordinator: KafkaRequest<string, Coordinator[]> = {
  key: 10,
  name: 'FindCoordinator',
  versions: [4],
  write: (groupId) => {
    const body = new WireWriter().int8(0)
    return body.array([groupId], (id) => body.string(id)).tags()
  },
  read(reader) {
    reader.int32()
    return reader.array(() => {
      reader.string()
      const where = { nodeId: reader.int32(), host: reader.string(), port: reader.int32() }
      const coordinator = { ...where, errorCode: reader.int16(), errorMessage: reader.nullableString() }
      reader.tags()
      return coordinator
    })
  },
}

export interface ListedGroups {
  errorCode: number
  groups: { groupId: string; protocolType: string; state: string; type: string }[]
}

/*
  ListGroups Request v4 => states_filter [COMPACT_STRING], TAGS
  ListGroups Request v5 => states_filter [COMPACT_STRING], types_filter [COMPACT_STRING], TAGS
  ListGroups Response v4, v5 => throttle INT32, error_code INT16, [group_id COMPACT_STRING, protocol_type COMPACT_STRING,
    group_state COMPACT_STRING, group_type COMPACT_STRING (v5), TAGS], TAGS
*/
export const listGroupsRequest: KafkaRequest<null, ListedGroups> = {
  key: 16,
  name: 'ListGroups',
  versions: [5, 4],
  write(_, version) {
    const body = new WireWriter().array([], () => {})
    return (version >= 5 ? body.array([], () => {}) : body).tags()
  },
  read(reader, version) {
    reader.int32()
    const errorCode = reader.int16()
    const groups = reader.array(() => {
      const group = { groupId: reader.string(), protocolType: reader.string(), state: reader.string() }
      const type = version >= 5 ? reader.string() : 'classic'
      reader.tags()
      return { ...group, type }
    })
    return { errorCode, groups }
  },
}

export interface FetchedOffsets {
  errorCode: number
  offsets: { topic: string; partition: number; errorCode: number; offset: bigint; metadata: string | null }[]
}

/*
  OffsetFetch Request v8 => [group_id COMPACT_STRING, [topic COMPACT_STRING, [partition INT32], TAGS]? (null: every one), TAGS],
    require_stable BOOLEAN, TAGS
  OffsetFetch Response v8 => throttle INT32, [group_id COMPACT_STRING, [topic COMPACT_STRING, [partition INT32, offset INT64,
    leader_epoch INT32, metadata COMPACT_STRING?, error_code INT16, TAGS], TAGS], error_code INT16, TAGS], TAGS
*/
export const offsetFetch: KafkaRequest<string, FetchedOffsets[]> = {
  key: 9,
  name: 'OffsetFetch',
  versions: [8],
  write(groupId) {
    const body = new WireWriter()
    body.array([groupId], (id) => {
      body.string(id).array(null, () => {})
      body.tags()
    })
    return body.bool(true).tags()
  },
  read(reader) {
    reader.int32()
    return reader.array(() => {
      reader.string()
      const offsets: FetchedOffsets['offsets'] = []
      reader.array(() => {
        const topic = reader.string()
        reader.array(() => {
          const [partition, offset] = [reader.int32(), reader.int64()]
          reader.int32()
          offsets.push({ topic, partition, offset, metadata: reader.nullableString(), errorCode: reader.int16() })
          reader.tags()
        })
        reader.tags()
      })
      const errorCode = reader.int16()
      reader.tags()
      return { errorCode, offsets }
    })
  },
}

export interface OffsetCommitAsk {
  groupId: string
  topics: { name: string; partitions: { partition: number; offset: bigint; metadata: string }[] }[]
}

/*
  OffsetCommit Request v8 => group_id COMPACT_STRING, generation INT32 (-1: without members), member_id COMPACT_STRING,
    group_instance_id COMPACT_STRING?, [topic COMPACT_STRING, [partition INT32, offset INT64, leader_epoch INT32,
    metadata COMPACT_STRING?, TAGS], TAGS], TAGS
  OffsetCommit Response v8 => throttle INT32, [topic COMPACT_STRING, [partition INT32, error_code INT16, TAGS], TAGS], TAGS
*/
export const offsetCommit: KafkaRequest<OffsetCommitAsk, { topic: string; partition: number; errorCode: number }[]> = {
  key: 8,
  name: 'OffsetCommit',
  versions: [8],
  write({ groupId, topics }) {
    const body = new WireWriter().string(groupId).int32(-1).string('').string(null)
    body.array(topics, ({ name, partitions }) => {
      body.string(name).array(partitions, ({ partition, offset, metadata }) => body.int32(partition).int64(offset).int32(-1).string(metadata).tags())
      body.tags()
    })
    return body.tags()
  },
  read(reader) {
    reader.int32()
    return reader
      .array(() => {
        const topic = reader.string()
        const partitions = reader.array(() => {
          const answer = { topic, partition: reader.int32(), errorCode: reader.int16() }
          reader.tags()
          return answer
        })
        reader.tags()
        return partitions
      })
      .flat()
  },
}

/*
  DeleteGroups Request v2 => [group_id COMPACT_STRING], TAGS
  DeleteGroups Response v2 => throttle INT32, [group_id COMPACT_STRING, error_code INT16, TAGS], TAGS
*/
export const deleteGroupsRequest: KafkaRequest<string, { groupId: string; errorCode: number }[]> = {
  key: 42,
  name: 'DeleteGroups',
  versions: [2],
  write(groupId) {
    const body = new WireWriter()
    return body.array([groupId], (id) => body.string(id)).tags()
  },
  read(reader) {
    reader.int32()
    return reader.array(() => {
      const result = { groupId: reader.string(), errorCode: reader.int16() }
      reader.tags()
      return result
    })
  },
}
