import { utf8OfText } from '../avro/read-json-sink.ts'
import { ToolFailure } from './tool-failure.ts'

/** Makes the bytes of a key that is no Avro. */
export type KeySerializer = (text: string) => Uint8Array

const prefix = 'org.apache.kafka.common.serialization.'
const packages = "java.lang.String and %s are in module java.base of loader 'bootstrap'"

/** Serializers of Kafka that want something else than the String that they get: the cast fails with the first key. */
const casts: Record<string, string> = {
  BooleanSerializer: 'java.lang.Boolean',
  ByteArraySerializer: '[B',
  ByteBufferSerializer: 'java.nio.ByteBuffer',
  DoubleSerializer: 'java.lang.Double',
  FloatSerializer: 'java.lang.Float',
  UUIDSerializer: 'java.util.UUID',
}

/** `key.serializer`, a Java class: String, Long, Integer and Short serializers work, as in the Java tool; undefined when none is given. */
export function keySerializer(properties: ReadonlyMap<string, string>): KeySerializer | undefined {
  const given = properties.get('key.serializer')
  if (given === undefined) return undefined
  const name = given.startsWith(prefix) ? given.slice(prefix.length) : ''
  switch (name) {
    case 'StringSerializer':
      return utf8OfText
    case 'LongSerializer':
      return (text) => {
        const bytes = Buffer.alloc(8)
        bytes.writeBigInt64BE(wholeNumber(text, 64))
        return bytes
      }
    case 'IntegerSerializer':
      return (text) => {
        const bytes = Buffer.alloc(4)
        bytes.writeInt32BE(Number(wholeNumber(text, 32)))
        return bytes
      }
    case 'ShortSerializer':
      return (text) => {
        const bytes = Buffer.alloc(2)
        bytes.writeInt16BE(Number(wholeNumber(text, 16)))
        return bytes
      }
  }
  const wanted = casts[name]
  if (wanted !== undefined) {
    return () => {
      const message = `class java.lang.String cannot be cast to class ${wanted} (${packages.replace('%s', wanted)})`
      throw new ToolFailure('record', { type: 'java.lang.ClassCastException', message })
    }
  }
  const message = `Error initializing key.serializer: ${given}`
  const hint = 'Java classes cannot be loaded here; the String, Long, Integer and Short serializers of Kafka are built in'
  throw new ToolFailure('start', { type: 'org.apache.kafka.common.config.ConfigException', message }, { hint })
}

function wholeNumber(text: string, bits: number): bigint {
  const value = /^[+-]?\d+$/.test(text) ? BigInt(text.replace('+', '')) : undefined
  if (value !== undefined && BigInt.asIntN(bits, value) === value) return value
  const message =
    value !== undefined && bits === 16 && BigInt.asIntN(32, value) === value
      ? `Value out of range. Value:"${text}" Radix:10`
      : `For input string: "${text}"`
  throw new ToolFailure('record', { type: 'java.lang.NumberFormatException', message })
}
