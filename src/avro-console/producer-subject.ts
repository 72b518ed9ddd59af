import type { AvroSchema } from '../avro/schema.ts'
import type { Side } from './producer-schema.ts'
import { ToolFailure, unsupportedSetting } from './tool-failure.ts'

const strategies = 'io.confluent.kafka.serializers.subject.'

/** The subject that keys or values of a topic are registered under, by `key.` or `value.subject.name.strategy`. */
export function subjectName(properties: ReadonlyMap<string, string>, side: Side, topic: string, schema: AvroSchema): string {
  const name = `${side}.subject.name.strategy`
  const strategy = properties.get(name) ?? `${strategies}TopicNameStrategy`
  const recordName = () => {
    if (schema.type === 'record') return schema.name
    const message = `In configuration ${name} = ${strategy}, the message ${side} must only be a record schema`
    throw new ToolFailure('start', { type: 'org.apache.kafka.common.errors.SerializationException', message })
  }
  switch (strategy) {
    case `${strategies}TopicNameStrategy`:
      return `${topic}-${side}`
    case `${strategies}RecordNameStrategy`:
      return recordName()
    case `${strategies}TopicRecordNameStrategy`:
      return `${topic}-${recordName()}`
  }
  throw unsupportedSetting(name, strategy, 'TopicNameStrategy, RecordNameStrategy and TopicRecordNameStrategy are')
}
