import { type WireReader, WireWriter } from '../../kafka-wire/wire-bytes.ts'
import type { KafkaRequest } from './kafka-request.ts'

export interface ListOffsetsAsk {
  /** 1: not behind the last stable offset. */
  isolation: 0 | 1
  /** A time in ms since 1970, -1 for the end, -2 for the start. */
  timestamp: bigint
  topics: { name: string; partitions: number[] }[]
}

export interface OffsetAnswer {
  topic: string
  partition: number
  errorCode: number
  offset: bigint
}

/*
  ListOffsets Request v6, v7 => replica_id INT32, isolation_level INT8, [topic COMPACT_STRING, [partition INT32, current_leader_epoch INT32,
    timestamp INT64, TAGS], TAGS], TAGS
  ListOffsets Response v6, v7 => throttle INT32, [topic COMPACT_STRING, [partition INT32, error_code INT16, timestamp INT64, offset INT64,
    leader_epoch INT32, TAGS], TAGS], TAGS
*/
export const listOffsetsRequest: KafkaRequest<ListOffsetsAsk, OffsetAnswer[]> = {
  key: 2,
  name: 'ListOffsets',
  versions: [7, 6],
  write({ isolation, timestamp, topics }) {
    const body = new WireWriter().int32(-1).int8(isolation)
    body.array(topics, ({ name, partitions }) => {
      body.string(name).array(partitions, (partition) => body.int32(partition).int32(-1).int64(timestamp).tags())
      body.tags()
    })
    return body.tags()
  },
  read(reader) {
    reader.int32()
    return readTopics(reader, (topic) => {
      const [partition, errorCode] = [reader.int32(), reader.int16()]
      reader.int64()
      const offset = reader.int64()
      reader.int32()
      return { topic, partition, errorCode, offset }
    })
  },
}

export interface LeaderEpochAsk {
  name: string
  partitions: { partition: number; leaderEpoch: number }[]
}

export interface LeaderEpochAnswer {
  topic: string
  partition: number
  errorCode: number
  leaderEpoch: number
  endOffset: bigint
}

/*
  OffsetForLeaderEpoch Request v4 => replica_id INT32, [topic COMPACT_STRING, [partition INT32, current_leader_epoch INT32,
    leader_epoch INT32, TAGS], TAGS], TAGS
  OffsetForLeaderEpoch Response v4 => throttle INT32, [topic COMPACT_STRING, [error_code INT16, partition INT32, leader_epoch INT32,
    end_offset INT64, TAGS], TAGS], TAGS
  v2: the same in STRING and ARRAY, without replica_id and tags.
*/
export const offsetForLeaderEpoch: KafkaRequest<LeaderEpochAsk[], LeaderEpochAnswer[]> = {
  key: 23,
  name: 'OffsetForLeaderEpoch',
  versions: [4, 2],
  flexibleFrom: 4,
  write(topics, version) {
    const body = new WireWriter()
    if (version < 4) {
      return body.longArray(topics, ({ name, partitions }) => {
        body.shortString(name).longArray(partitions, ({ partition, leaderEpoch }) => body.int32(partition).int32(-1).int32(leaderEpoch))
      })
    }
    body.int32(-1).array(topics, ({ name, partitions }) => {
      body.string(name).array(partitions, ({ partition, leaderEpoch }) => body.int32(partition).int32(-1).int32(leaderEpoch).tags())
      body.tags()
    })
    return body.tags()
  },
  read(reader, version) {
    reader.int32()
    const read = (topic: string): LeaderEpochAnswer => {
      const [errorCode, partition] = [reader.int16(), reader.int32()]
      return { topic, partition, errorCode, leaderEpoch: reader.int32(), endOffset: reader.int64() }
    }
    if (version >= 4) return readTopics(reader, read)
    return reader
      .longArray(() => {
        const topic = reader.shortString()
        return reader.longArray(() => read(topic))
      })
      .flat()
  },
}

/** [topic COMPACT_STRING, [item, TAGS], TAGS], as one list. */
function readTopics<T>(reader: WireReader, read: (topic: string) => T): T[] {
  const items: T[] = []
  reader.array(() => {
    const topic = reader.string()
    reader.array(() => {
      items.push(read(topic))
      reader.tags()
    })
    reader.tags()
  })
  return items
}
