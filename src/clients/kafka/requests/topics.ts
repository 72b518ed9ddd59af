import { WireWriter } from '../../kafka-wire/wire-bytes.ts'
import type { KafkaRequest } from './kafka-request.ts'

export interface CreateTopicAsk {
  name: string
  partitions: number
  replicationFactor: number
  configs: Record<string, string>
  timeoutMs: number
  validateOnly: boolean
}

export interface CreatedTopic {
  name: string
  errorCode: number
  errorMessage: string | null
  /** Null where we may not describe it. */
  configs: { name: string; value: string | null }[] | null
}

/*
  CreateTopics Request v7 => [name COMPACT_STRING, num_partitions INT32, replication_factor INT16, [partition INT32, [broker INT32], TAGS],
    [name COMPACT_STRING, value COMPACT_STRING?, TAGS], TAGS], timeout_ms INT32, validate_only BOOLEAN, TAGS
  CreateTopics Response v7 => throttle INT32, [name COMPACT_STRING, topic_id UUID, error_code INT16, error_message COMPACT_STRING?,
    num_partitions INT32, replication_factor INT16, [name COMPACT_STRING, value COMPACT_STRING?, read_only BOOLEAN, config_source INT8,
    is_sensitive BOOLEAN, TAGS]?, TAGS], TAGS
*/
export const createTopics: KafkaRequest<CreateTopicAsk, CreatedTopic[]> = {
  key: 19,
  name: 'CreateTopics',
  versions: [7],
  write({ timeoutMs, validateOnly, ...topic }) {
    const body = new WireWriter()
    body.array([topic], ({ name, partitions, replicationFactor, configs }) => {
      body.string(name).int32(partitions).int16(replicationFactor)
      body.array([], () => {})
      body.array(Object.entries(configs), ([key, value]) => body.string(key).string(value).tags()).tags()
    })
    return body.int32(timeoutMs).bool(validateOnly).tags()
  },
  read(reader) {
    reader.int32()
    return reader.array(() => {
      const name = reader.string()
      reader.slice(16)
      const outcome = { name, errorCode: reader.int16(), errorMessage: reader.nullableString() }
      reader.slice(6)
      const configs = reader.nullableArray(() => {
        const config = { name: reader.string(), value: reader.nullableString() }
        reader.slice(3)
        reader.tags()
        return config
      })
      reader.tags()
      return { ...outcome, configs }
    })
  },
}

export interface DeleteTopicsAsk {
  names: string[]
  timeoutMs: number
}

/*
  DeleteTopics Request v6 => [name COMPACT_STRING?, topic_id UUID, TAGS], timeout_ms INT32, TAGS
  DeleteTopics Response v6 => throttle INT32, [name COMPACT_STRING?, topic_id UUID, error_code INT16, error_message COMPACT_STRING?, TAGS], TAGS
*/
export const deleteTopicsRequest: KafkaRequest<DeleteTopicsAsk, { name: string | null; errorCode: number; errorMessage: string | null }[]> = {
  key: 20,
  name: 'DeleteTopics',
  versions: [6],
  write({ names, timeoutMs }) {
    const body = new WireWriter()
    body.array(names, (name) => body.string(name).raw(Buffer.alloc(16)).tags())
    return body.int32(timeoutMs).tags()
  },
  read(reader) {
    reader.int32()
    return reader.array(() => {
      const name = reader.nullableString()
      reader.slice(16)
      const outcome = { name, errorCode: reader.int16(), errorMessage: reader.nullableString() }
      reader.tags()
      return outcome
    })
  },
}

export interface DeleteRecordsAsk {
  topic: string
  partition: number
  offset: bigint
  timeoutMs: number
}

/*
  DeleteRecords Request v2 => [topic COMPACT_STRING, [partition INT32, offset INT64, TAGS], TAGS], timeout_ms INT32, TAGS
  DeleteRecords Response v2 => throttle INT32, [topic COMPACT_STRING, [partition INT32, low_watermark INT64, error_code INT16, TAGS], TAGS], TAGS
*/
export const deleteRecordsRequest: KafkaRequest<DeleteRecordsAsk, { partition: number; lowWatermark: bigint; errorCode: number }[]> = {
  key: 21,
  name: 'DeleteRecords',
  versions: [2],
  write({ topic, timeoutMs, ...item }) {
    const body = new WireWriter()
    body.array([topic], (name) => {
      body.string(name).array([item], ({ partition, offset }) => body.int32(partition).int64(offset).tags())
      body.tags()
    })
    return body.int32(timeoutMs).tags()
  },
  read(reader) {
    reader.int32()
    return reader
      .array(() => {
        reader.string()
        const partitions = reader.array(() => {
          const answer = { partition: reader.int32(), lowWatermark: reader.int64(), errorCode: reader.int16() }
          reader.tags()
          return answer
        })
        reader.tags()
        return partitions
      })
      .flat()
  },
}
