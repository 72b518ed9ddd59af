import { compileJsonReader } from '../avro/read-json.ts'
import { JsonReadFailure } from '../avro/read-json-failure.ts'
import { newSink } from '../avro/read-json-sink.ts'
import type { ProducerSchema } from './producer-schema.ts'
import { ToolFailure } from './tool-failure.ts'

/** Turns the JSON text of a key or value into Confluent's frame: 0, schema id (4 bytes, big-endian), Avro. Null for a top-level null. */
export interface Serializer {
  /** The bytes are good until the next call. A promise only as long as the id is not known. */
  serialize(text: string): Uint8Array | null | Promise<Uint8Array>
}

const frame = 5

/** `id` is asked for with the first value that is not null, after it was read. */
export function avroSerializer(own: ProducerSchema, id: () => Promise<number>): Serializer {
  const read = compileJsonReader(own.schema)
  const sink = newSink()
  let known: number | undefined
  const framed = (value: number): Uint8Array => {
    sink.bytes[0] = 0
    sink.bytes.writeInt32BE(value, 1)
    return sink.bytes.subarray(0, sink.at)
  }
  const first = async (): Promise<Uint8Array> => {
    known = await id()
    return framed(known)
  }
  return {
    serialize(text) {
      sink.at = frame
      try {
        if (!read(text, sink)) return null
      } catch (error) {
        throw readFailure(error, text, own.whole)
      }
      return known === undefined ? first() : framed(known)
    },
  }
}

function readFailure(error: unknown, text: string, schema: string): unknown {
  if (!(error instanceof JsonReadFailure)) return error
  const cause = { type: error.type, message: error.words }
  // Nobody catches this one in Java.
  if (error.type === 'java.lang.NullPointerException') return new ToolFailure('record', cause)
  const message = `Error deserializing json ${text} to Avro of schema ${schema}`
  return new ToolFailure('record', [{ type: 'org.apache.kafka.common.errors.SerializationException', message }, cause], { cause: error })
}
