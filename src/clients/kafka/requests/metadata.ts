import { WireReader, WireWriter } from '../../kafka-wire/wire-bytes.ts'
import type { KafkaRequest } from './kafka-request.ts'

export interface MetadataAnswer {
  brokers: { nodeId: number; host: string; port: number }[]
  clusterId: string | null
  topics: {
    errorCode: number
    name: string | null
    topicId: string
    internal: boolean
    partitions: { partition: number; leader: number; replicas: number[]; offline: number[] }[]
  }[]
}

/*
  Metadata Request v11, v12 => [topic_id UUID, name COMPACT_STRING?, TAGS]? (null: every topic), allow_auto_topic_creation BOOLEAN,
    include_topic_authorized_operations BOOLEAN, TAGS
  Metadata Response v11, v12 => throttle INT32, [node_id INT32, host COMPACT_STRING, port INT32, rack COMPACT_STRING?, TAGS],
    cluster_id COMPACT_STRING?, controller_id INT32, [error_code INT16, name COMPACT_STRING?, topic_id UUID, is_internal BOOLEAN,
    [error_code INT16, partition INT32, leader INT32, leader_epoch INT32, replicas [INT32], isr [INT32], offline [INT32], TAGS],
    authorized_operations INT32, TAGS], TAGS
*/
export const metadata: KafkaRequest<readonly string[] | null, MetadataAnswer> = {
  key: 3,
  name: 'Metadata',
  versions: [12, 11],
  write(names) {
    const body = new WireWriter()
    body.array(names, (name) => body.raw(noId).string(name).tags())
    return body.bool(false).bool(false).tags()
  },
  read(reader) {
    reader.int32()
    const brokers = reader.array(() => {
      const broker = { nodeId: reader.int32(), host: reader.string(), port: reader.int32() }
      reader.nullableString()
      reader.tags()
      return broker
    })
    const clusterId = reader.nullableString()
    reader.int32()
    const topics = reader.array(() => {
      const topic = {
        errorCode: reader.int16(),
        name: reader.nullableString(),
        topicId: reader.uuid(),
        internal: reader.bool(),
        partitions: reader.array(() => readPartition(reader)),
      }
      reader.int32()
      reader.tags()
      return topic
    })
    return { brokers, clusterId, topics }
  },
}

const noId = Buffer.alloc(16)

function readPartition(reader: WireReader) {
  reader.int16()
  const [partition, leader] = [reader.int32(), reader.int32()]
  reader.int32()
  const replicas = reader.array(() => reader.int32())
  reader.array(() => reader.int32())
  const offline = reader.array(() => reader.int32())
  reader.tags()
  return { partition, leader, replicas, offline }
}

/*
  ApiVersions Request v3 => client_software_name COMPACT_STRING, client_software_version COMPACT_STRING, TAGS
  ApiVersions Response v3 => error_code INT16, [api_key INT16, min_version INT16, max_version INT16, TAGS], throttle INT32, TAGS
    tag 2: finalized_features [name COMPACT_STRING, max_version_level INT16, min_version_level INT16, TAGS]
*/
export const finalizedFeatures: KafkaRequest<{ name: string; version: string }, { errorCode: number; features: { name: string; level: number }[] }> =
  {
    key: 18,
    name: 'ApiVersions',
    versions: [3],
    write: ({ name, version }) => new WireWriter().string(name).string(version).tags(),
    read(reader) {
      const errorCode = reader.int16()
      reader.array(() => {
        reader.slice(6)
        reader.tags()
      })
      reader.int32()
      const field = reader.fields().get(2)
      if (field === undefined) return { errorCode, features: [] }
      const inner = new WireReader(field)
      const features = inner.array(() => {
        const feature = { name: inner.string(), level: inner.int16() }
        inner.int16()
        inner.tags()
        return feature
      })
      return { errorCode, features }
    },
  }
