import { WireWriter } from '../../kafka-wire/wire-bytes.ts'
import type { KafkaRequest } from './kafka-request.ts'

/** Kafka's numbers of what has a configuration (ConfigResource.Type). */
export const configResources = { topic: 2, broker: 4 } as const

export interface DescribedConfig {
  name: string
  value: string | null
  readOnly: boolean
  /** 1: set on this very topic; others are defaults of broker and cluster (DescribeConfigsResponse.ConfigSource). */
  source: number
  sensitive: boolean
}

export interface DescribedResource {
  errorCode: number
  errorMessage: string | null
  name: string
  configs: DescribedConfig[]
}

/*
  DescribeConfigs Request v4 => [resource_type INT8, resource_name COMPACT_STRING, [key COMPACT_STRING]? (null: every one), TAGS],
    include_synonyms BOOLEAN, include_documentation BOOLEAN, TAGS
  DescribeConfigs Response v4 => throttle INT32, [error_code INT16, error_message COMPACT_STRING?, resource_type INT8,
    resource_name COMPACT_STRING, [name COMPACT_STRING, value COMPACT_STRING?, read_only BOOLEAN, config_source INT8, is_sensitive BOOLEAN,
    [name COMPACT_STRING, value COMPACT_STRING?, source INT8, TAGS], config_type INT8, documentation COMPACT_STRING?, TAGS], TAGS], TAGS
*/
export const describeConfigs: KafkaRequest<{ type: number; names: string[] }, DescribedResource[]> = {
  key: 32,
  name: 'DescribeConfigs',
  versions: [4],
  write({ type, names }) {
    const body = new WireWriter()
    body.array(names, (name) => {
      body.int8(type).string(name)
      body.array(null, () => {}).tags()
    })
    return body.bool(false).bool(false).tags()
  },
  read(reader) {
    reader.int32()
    return reader.array(() => {
      const [errorCode, errorMessage] = [reader.int16(), reader.nullableString()]
      reader.int8()
      const name = reader.string()
      const configs = reader.array((): DescribedConfig => {
        const config = {
          name: reader.string(),
          value: reader.nullableString(),
          readOnly: reader.bool(),
          source: reader.int8(),
          sensitive: reader.bool(),
        }
        reader.array(() => {
          reader.string()
          reader.nullableString()
          reader.int8()
          reader.tags()
        })
        reader.int8()
        reader.nullableString()
        reader.tags()
        return config
      })
      reader.tags()
      return { errorCode, errorMessage, name, configs }
    })
  },
}

export interface AlterConfigAsk {
  type: number
  name: string
  set: Record<string, string>
  remove: string[]
  validateOnly: boolean
}

/*
  IncrementalAlterConfigs Request v1 => [resource_type INT8, resource_name COMPACT_STRING, [name COMPACT_STRING, operation INT8 (0: set,
    1: delete), value COMPACT_STRING?, TAGS], TAGS], validate_only BOOLEAN, TAGS
  IncrementalAlterConfigs Response v1 => throttle INT32, [error_code INT16, error_message COMPACT_STRING?, resource_type INT8,
    resource_name COMPACT_STRING, TAGS], TAGS
*/
export const alterConfigs: KafkaRequest<AlterConfigAsk, { errorCode: number; errorMessage: string | null }[]> = {
  key: 44,
  name: 'IncrementalAlterConfigs',
  versions: [1],
  write({ validateOnly, ...resource }) {
    const body = new WireWriter()
    body.array([resource], ({ type, name, set, remove }) => {
      const changes = [...Object.entries(set), ...remove.map((key) => [key, null] as const)]
      body.int8(type).string(name)
      body
        .array(changes, ([key, value]) =>
          body
            .string(key)
            .int8(value === null ? 1 : 0)
            .string(value)
            .tags(),
        )
        .tags()
    })
    return body.bool(validateOnly).tags()
  },
  read(reader) {
    reader.int32()
    return reader.array(() => {
      const outcome = { errorCode: reader.int16(), errorMessage: reader.nullableString() }
      reader.int8()
      reader.string()
      reader.tags()
      return outcome
    })
  },
}
