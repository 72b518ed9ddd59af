import { AvroDataError } from '../avro/avro-data-error.ts'
import type { BinarySource } from '../avro/binary-source.ts'
import type { Printer } from '../avro/compile-printer.ts'
import type { JsonSink } from '../avro/json-sink.ts'
import { compileTopLevel } from '../avro/print-top-level.ts'
import { type AvroSchema, AvroSchemaError } from '../avro/schema.ts'
import type { RegistryHttp } from './registry-http.ts'
import { registryFailure } from './registry-http.ts'
import { parseRegistered, type RegisteredSchema, schemaById } from './registry-schemas.ts'
import { serialization } from './deserializers.ts'
import { ToolFailure } from './tool-failure.ts'

/** One way to read framed values: of keys or of values, with one subject. */
export interface AvroValues {
  /**
   * Appends the JSON of a framed payload (0, schema id INT32, Avro binary). The first value of a schema asks the registry and gives a promise;
   * after that it is done at once. Throws ToolFailure; what was written by then is for the caller to undo.
   */
  print(payload: Buffer, sink: JsonSink): Promise<void> | undefined
}

export interface AvroValuesOptions {
  http: RegistryHttp
  /** What the registry is asked with. */
  subject: string
  which: 'key' | 'value'
  /** `avro.use.logical.type.converters`. */
  logicalTypes: boolean
  /** `specific.avro.reader`: fails for records, as there are no Java classes. */
  specific: boolean
  lossy: boolean
  /** Another form than the formatter's JSON. */
  compile?: (schema: AvroSchema) => Printer
  /** Another schema to read with (`use.latest.version`). */
  project?: (writer: AvroSchema, registered: RegisteredSchema) => Promise<Printer>
}

interface Compiled {
  print: Printer
  text: string
}

export function avroValues(options: AvroValuesOptions): AvroValues {
  const compiled = new Map<number, Compiled>()
  const source: BinarySource = { bytes: Buffer.alloc(0), at: 0, end: 0 }
  const run = ({ print, text }: Compiled, payload: Buffer, sink: JsonSink): undefined => {
    source.bytes = payload
    source.at = 5
    source.end = payload.length
    try {
      print(source, sink)
    } catch (error) {
      throw dataFailure(error, payload.readInt32BE(1), text)
    }
  }
  return {
    print(payload, sink) {
      const id = schemaIdOf(payload)
      const known = compiled.get(id)
      if (known !== undefined) return run(known, payload, sink)
      return fetchSchema(options, id).then((found) => {
        compiled.set(id, found)
        return run(found, payload, sink)
      })
    },
  }
}

/** The schema id of a framed payload. Throws ToolFailure with Java's words. */
export function schemaIdOf(payload: Buffer): number {
  if (payload.length > 0 && payload[0] !== 0) throw serialization('Unknown magic byte!')
  if (payload.length < 5) throw new ToolFailure('record', { type: 'java.nio.BufferUnderflowException' })
  return payload.readInt32BE(1)
}

async function fetchSchema(options: AvroValuesOptions, id: number): Promise<Compiled> {
  const { http, subject, logicalTypes, lossy } = options
  try {
    const registered = await schemaById(http, id, subject)
    const schema = await parseRegistered(http, registered)
    if (options.specific && schema.type === 'record') throw noClass(id, schema.name)
    if (options.project !== undefined) return { print: await options.project(schema, registered), text: registered.schema }
    const print = options.compile?.(schema) ?? compileTopLevel(schema, { logicalTypes, lossy })
    return { print, text: registered.schema }
  } catch (error) {
    const heading = `Error retrieving Avro ${options.which} schema for id ${id}`
    if (error instanceof AvroDataError) throw dataFailure(error, id, '')
    if (error instanceof AvroSchemaError) {
      throw new ToolFailure(
        'record',
        [
          { type: 'org.apache.kafka.common.errors.SerializationException', message: heading },
          { type: 'org.apache.avro.SchemaParseException', message: error.message },
        ],
        { cause: error },
      )
    }
    throw registryFailure(error, heading)
  }
}

function dataFailure(error: unknown, id: number, text: string): unknown {
  if (!(error instanceof AvroDataError)) return error
  const { thrown, message } = error
  const inner = message === '' ? { type: thrown } : { type: thrown, message }
  const type = 'org.apache.kafka.common.errors.SerializationException'
  if (error.phase === 'read') return new ToolFailure('record', [{ type, message: `Error deserializing Avro message for id ${id}` }, inner])
  // Java names the value twice: Avro's words, then the cast's own.
  if (thrown === 'java.lang.ClassCastException') return new ToolFailure('record', [inner, inner].slice(0, message.startsWith('value') ? 2 : 1))
  return new ToolFailure('record', [{ type, message: `Error serializing Avro data of schema ${text} to json` }, inner])
}

function noClass(id: number, name: string): ToolFailure {
  const type = 'org.apache.kafka.common.errors.SerializationException'
  const message = `Could not find class ${name} specified in writer's schema whilst finding reader's schema for a SpecificRecord.`
  return new ToolFailure('record', [
    { type, message: `Error deserializing Avro message for id ${id}` },
    { type: 'com.google.common.util.concurrent.UncheckedExecutionException', message: `${type}: ${message}` },
    { type, message },
  ])
}
