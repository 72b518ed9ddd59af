import { javaDouble, javaFloat } from '../avro/java-float.ts'
import { javaUtf8 } from '../avro/java-utf8.ts'
import { ToolFailure } from './tool-failure.ts'

/** Kafka's own deserializers, each with `toString` of what it gives. Throws ToolFailure of kind `record` as they throw SerializationException. */
export type Deserializer = (bytes: Buffer) => Buffer | string

const kafkaPackage = 'org.apache.kafka.common.serialization.'

/**
 * The deserializer of a class name, for keys or header values. `properties` are those behind the prefix `key.deserializer.` or
 * `headers.deserializer.`. `identity`: print byte arrays as Java does, `[B@` and a meaningless number, instead of their bytes.
 */
export function deserializerOf(name: string, properties: ReadonlyMap<string, string>, use: { property: string; identity: boolean }): Deserializer {
  const failure = (message: string, hint?: string) => {
    const type = 'org.apache.kafka.common.config.ConfigException'
    return new ToolFailure('start', { type, message: `Error initializing ${use.property}: ${message}` }, hint === undefined ? {} : { hint })
  }
  if (!name.startsWith(kafkaPackage))
    throw failure(name, `only the deserializers of ${kafkaPackage.slice(0, -1)} are built in; Java classes cannot be loaded`)
  switch (name.slice(kafkaPackage.length)) {
    case 'StringDeserializer':
      return stringDeserializer(encodingOf(properties, use.property), failure)
    case 'ByteArrayDeserializer':
      return use.identity ? (bytes) => `[B@${identityOf(bytes)}` : printableBytes
    case 'BytesDeserializer':
      return printableBytes
    case 'LongDeserializer':
      return sized(8, 'LongDeserializer', (bytes) => bytes.readBigInt64BE().toString())
    case 'IntegerDeserializer':
      return sized(4, 'IntegerDeserializer', (bytes) => bytes.readInt32BE().toString())
    case 'ShortDeserializer':
      return sized(2, 'ShortDeserializer', (bytes) => bytes.readInt16BE().toString())
    case 'FloatDeserializer':
      return sized(4, 'Deserializer', (bytes) => javaFloat(bytes.readFloatBE()))
    case 'DoubleDeserializer':
      return sized(8, 'Deserializer', (bytes) => javaDouble(bytes.readDoubleBE()))
    case 'BooleanDeserializer':
      return sized(1, 'BooleanDeserializer', (bytes) => (bytes[0] === 1 ? 'true' : 'false'))
    case 'UUIDDeserializer':
      return uuid
    case 'VoidDeserializer':
      return () => {
        throw new ToolFailure('record', { type: 'java.lang.IllegalArgumentException', message: 'Data should be null for a VoidDeserializer.' })
      }
    default:
      throw failure(name, 'built in are String, ByteArray, Bytes, Long, Integer, Short, Float, Double, Boolean, UUID and Void')
  }
}

function sized(size: number, name: string, read: (bytes: Buffer) => string): Deserializer {
  return (bytes) => {
    if (bytes.length === size) return read(bytes)
    throw serialization(`Size of data received by ${name} is not ${size}`)
  }
}

const uuidPattern = /^([0-9a-fA-F]{1,16})-([0-9a-fA-F]{1,16})-([0-9a-fA-F]{1,16})-([0-9a-fA-F]{1,16})-([0-9a-fA-F]{1,16})$/

function uuid(bytes: Buffer): string {
  const text = javaUtf8(bytes)
  const parts = uuidPattern.exec(text)?.slice(1)
  if (parts === undefined || text.length > 36) throw serialization('Error parsing data into UUID')
  return parts
    .map((part, index) =>
      part
        .toLowerCase()
        .padStart(16, '0')
        .slice(-([8, 4, 4, 4, 12][index] ?? 0)),
    )
    .join('-')
}

/** Bytes.toString: printable ASCII but the backslash as it is, everything else as `\xNN`. */
function printableBytes(bytes: Buffer): string {
  let text = ''
  for (const byte of bytes) {
    if (byte >= 0x20 && byte < 0x7f && byte !== 0x5c) text += String.fromCharCode(byte)
    else text += `\\x${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return text
}

function identityOf(bytes: Buffer): string {
  let hash = 7
  for (const byte of bytes) hash = (Math.imul(hash, 31) + byte) >>> 0
  return hash.toString(16)
}

function encodingOf(properties: ReadonlyMap<string, string>, property: string): string {
  const own = property.startsWith('key') ? 'key.deserializer.encoding' : 'value.deserializer.encoding'
  return properties.get(own) ?? properties.get('deserializer.encoding') ?? 'UTF-8'
}

function stringDeserializer(encoding: string, failure: (message: string, hint?: string) => ToolFailure): Deserializer {
  switch (encoding.toUpperCase()) {
    case 'UTF-8':
    case 'UTF8':
      return javaUtf8
    case 'ISO-8859-1':
    case 'LATIN1':
      return (bytes) => bytes.toString('latin1')
  }
  let decoder: InstanceType<typeof TextDecoder>
  try {
    // Java's UTF-16 without a mark is big-endian.
    decoder = new TextDecoder(/^utf-?16$/i.test(encoding) ? 'utf-16be' : encoding)
  } catch {
    throw failure(`deserializer.encoding=${encoding}`, 'this character set is not known here')
  }
  return (bytes) => {
    const marked = /^utf-?16$/i.test(encoding) && bytes[0] === 0xff && bytes[1] === 0xfe
    return marked ? new TextDecoder('utf-16le').decode(bytes) : decoder.decode(bytes)
  }
}

export function serialization(message: string): ToolFailure {
  return new ToolFailure('record', { type: 'org.apache.kafka.common.errors.SerializationException', message })
}
