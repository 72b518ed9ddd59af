import type { Compat } from './arguments.ts'
import { cutLine, lineFormat } from './producer-format.ts'
import { keySerializer } from './producer-key.ts'
import { registration, schemaId } from './producer-registration.ts'
import { producerSchema, type Side } from './producer-schema.ts'
import { avroSerializer, type Serializer } from './producer-serializer.ts'
import { subjectName } from './producer-subject.ts'
import { createRegistryHttp } from './registry-http.ts'
import { registrySettings } from './registry-settings.ts'
import type { RecordToSend } from './send-batch.ts'

/** Makes records out of lines. */
export interface LineReader extends AsyncDisposable {
  /** The record's bytes are good until the next call. A promise only until the ids are known. Throws ToolFailure. */
  read(line: string): RecordToSend | Promise<RecordToSend>
}

export interface LineReaderOptions {
  topic: string
  properties: ReadonlyMap<string, string>
  compat: Compat
  io: { stderr: { write(text: string): unknown }; signal: AbortSignal }
}

type Bytes = Uint8Array | null

/**
 * SchemaMessageReader of 7.6: its checks and requests in its order. The schemas are found now, the ids with the first record; the key is
 * registered before the value is read.
 */
export async function openLineReader({ topic, properties, compat, io }: LineReaderOptions): Promise<LineReader> {
  const format = lineFormat(properties)
  const plainKey = keySerializer(properties)
  const settings = await registrySettings(properties)
  const how = registration(properties)
  const http = createRegistryHttp(settings, io.signal, ({ url, name, message }) => {
    if (settings.urls.length > 1)
      io.stderr.write(`WARN Request to URL ${url} failed with error: ${name}: ${message}. Failing over to next URL if available...\n`)
  })
  const side = async (which: Side): Promise<Serializer> => {
    const own = await producerSchema(http, properties, which, compat)
    const subject = subjectName(properties, which, topic, own.schema)
    return avroSerializer(own, () => schemaId(http, how, subject, own))
  }
  const values = await side('value')
  const keys = format.parseKey && plainKey === undefined ? await side('key') : undefined

  const bytesOfKey = (text: string | undefined): Bytes | Promise<Bytes> => {
    if (text === undefined) return null
    return keys === undefined ? (plainKey?.(text) ?? null) : keys.serialize(text)
  }
  const bytesOfValue = (text: string | undefined): Bytes | Promise<Bytes> => (text === undefined ? null : values.serialize(text))
  return {
    read(line) {
      const { headers, key: keyText, value: valueText } = cutLine(line, format)
      const key = bytesOfKey(keyText)
      if (key instanceof Promise) return key.then(async (bytes) => ({ headers, key: bytes, value: await bytesOfValue(valueText) }))
      const value = bytesOfValue(valueText)
      if (value instanceof Promise) return value.then((bytes) => ({ headers, key, value: bytes }))
      return { headers, key, value }
    },
    [Symbol.asyncDispose]: () => http[Symbol.asyncDispose](),
  }
}
