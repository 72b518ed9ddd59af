import type { BinarySource } from '../avro/binary-source.ts'
import { compileSkip } from '../avro/compile-pick.ts'
import { AvroDataError } from '../avro/avro-data-error.ts'
import { type AvroSchema, AvroSchemaError, type RecordSchema } from '../avro/schema.ts'
import { parseJson, stringifyJson } from '../base/lossless-json.ts'

/**
 * The event that deletes the row which `value` brings: the same envelope under the same schema, with its `after` as `before`, no `after`, and
 * `op` d. Every other byte stays: whose transaction it was is still to be read in it. A record without an envelope (flattened) gives null: its
 * delete is the tombstone alone. A text says why there is none.
 */
export function deleteEventOf(value: Buffer, schemaOf: (id: number) => AvroSchema | string): Buffer | null | { reason: string } {
  if (value[0] === 0x7b) return ofJson(value)
  if (value[0] !== 0 || value.length < 5) return { reason: 'it is neither Avro in the wire format of Confluent nor JSON' }
  try {
    const schema = schemaOf(value.readUInt32BE(1))
    return typeof schema === 'string' ? { reason: schema } : ofAvro(value, schema)
  } catch (error) {
    if (!(error instanceof AvroSchemaError) && !(error instanceof AvroDataError)) throw error
    return { reason: `it does not fit its schema ${value.readUInt32BE(1)}${error.message === '' ? '' : `: ${error.message}`}` }
  }
}

const opDelete = Buffer.from([2, 0x64])

function ofAvro(value: Buffer, schema: AvroSchema): Buffer | null | { reason: string } {
  if (schema.type !== 'record') return null
  const [before, after, op] = ['before', 'after', 'op'].map((name) => schema.fields.find((field) => field.name === name)?.schema)
  if (before === undefined || after === undefined || op === undefined) return null
  if (op.type !== 'string' || !sameUnion(before, after))
    return { reason: 'its envelope is not one of Debezium: before and after are of different kinds' }
  const parts = partsOf(value, schema)
  const row = parts.get('after')
  const none = after.type === 'union' ? after.branches.findIndex(({ type }) => type === 'null') : -1
  if (row === undefined || none < 0) return { reason: 'its envelope has no after' }
  // The index of a branch is a zigzag number.
  const replaced = new Map([...parts, ['before', row], ['after', Buffer.from([none * 2])], ['op', opDelete]])
  return Buffer.concat([value.subarray(0, 5), ...schema.fields.map(({ name }) => replaced.get(name) ?? Buffer.alloc(0))])
}

/** The bytes of each field. */
function partsOf(value: Buffer, { fields }: RecordSchema): Map<string, Buffer> {
  const source: BinarySource = { bytes: value, at: 5, end: value.length }
  return new Map(
    fields.map(({ name, schema }) => {
      const from = source.at
      compileSkip(schema)(source, [])
      return [name, value.subarray(from, source.at)]
    }),
  )
}

/** Values of one are values of the other, byte by byte: both null or the same named type, in the same order. */
function sameUnion(a: AvroSchema, b: AvroSchema): boolean {
  if (a.type !== 'union' || b.type !== 'union' || a.branches.length !== b.branches.length) return false
  return a.branches.every((branch, index) => {
    const other = b.branches[index]
    return branch === other || (branch.type === 'null' && other?.type === 'null')
  })
}

function ofJson(value: Buffer): Buffer | null | { reason: string } {
  const parsed = jsonOf(value)
  const payload = isObject(parsed) && isObject(parsed.schema) && 'payload' in parsed ? parsed.payload : parsed
  if (!isObject(parsed) || !isObject(payload)) return { reason: 'it is no JSON object' }
  if (!('before' in payload && 'after' in payload && 'op' in payload)) return null
  const event = { ...payload, before: payload.after, after: null, op: 'd' }
  return Buffer.from(stringifyJson(payload === parsed ? event : { ...parsed, payload: event }))
}

function jsonOf(value: Buffer): unknown {
  try {
    return parseJson(value.toString('utf8'))
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
