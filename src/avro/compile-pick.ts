import { AvroDataError } from './avro-data-error.ts'
import { type BinarySource, readBlockCount, readInt, readLength, readLong, take } from './binary-source.ts'
import type { AvroSchema, RecordSchema } from './schema.ts'

/** A number, text or symbol out of a record; undefined where the record has no such field, or one of another kind. */
export type Picked = string | number | bigint | boolean | null | undefined

/** Reads picked fields into `into`, in the order of the paths, and whatever else it has to move over. Throws AvroDataError. */
export type Picker = (source: BinarySource, into: Picked[]) => void

/**
 * Compiles a reader of a few fields of a record: `paths` name them with dots (`source.txId`), through unions with null as if they were not
 * there. It stops behind the last of them. Undefined when the schema has none of them.
 */
export function compilePick(schema: AvroSchema, paths: string[]): Picker | undefined {
  const wanted = paths.map((path, slot): Wanted => ({ path: path.split('.'), slot })).filter(({ path }) => has(schema, path))
  return wanted.length === 0 ? undefined : pick(schema, wanted, true)
}

interface Wanted {
  path: string[]
  /** Where its value goes. */
  slot: number
}

function has(schema: AvroSchema, [name, ...rest]: string[]): boolean {
  if (name === undefined) return true
  if (schema.type === 'union') return schema.branches.some((branch) => has(branch, [name, ...rest]))
  if (schema.type !== 'record') return false
  const field = schema.fields.find((candidate) => candidate.name === name)
  return field !== undefined && has(field.schema, rest)
}

function pick(schema: AvroSchema, wanted: Wanted[], last: boolean): Picker {
  if (schema.type === 'union') {
    const branches = schema.branches.map((branch) => pick(branch, wanted, last))
    return (source, into) => branchOf(branches, source)(source, into)
  }
  const own = wanted.find(({ path }) => path.length === 0)
  if (own !== undefined) {
    const read = scalar(schema)
    return (source, into) => {
      into[own.slot] = read(source)
    }
  }
  if (schema.type !== 'record' || wanted.length === 0) return skip(schema)
  return pickRecord(schema, wanted, last)
}

/** `last`: nothing is read behind this record, so that what follows its last picked field may stay unread. */
function pickRecord({ fields }: RecordSchema, wanted: Wanted[], last: boolean): Picker {
  const of = (name: string) => wanted.filter(({ path }) => path[0] === name).map(({ path: [, ...path], slot }) => ({ path, slot }))
  const end = last ? fields.findLastIndex(({ name }) => of(name).length > 0) : fields.length - 1
  const steps = fields.slice(0, end + 1).map(({ name, schema }, index) => {
    const inside = of(name)
    return inside.length === 0 ? skip(schema) : pick(schema, inside, last && index === end)
  })
  return (source, into) => {
    for (const step of steps) step(source, into)
  }
}

function branchOf<T>(branches: T[], source: BinarySource): T {
  const branch = branches[readInt(source)]
  if (branch === undefined) throw new AvroDataError('org.apache.avro.AvroTypeException', 'a union has no such branch')
  return branch
}

function scalar(schema: AvroSchema): (source: BinarySource) => Picked {
  switch (schema.type) {
    case 'null':
      return () => null
    case 'boolean':
      return (source) => source.bytes[take(source, 1)] === 1
    case 'int':
      return readInt
    case 'long':
      return readLong
    case 'string':
      return (source) => {
        const from = take(source, readLength(source, 'strings'))
        return source.bytes.toString('utf8', from, source.at)
      }
    case 'enum': {
      const { symbols } = schema
      return (source) => symbols[readInt(source)]
    }
    case 'union': {
      const branches = schema.branches.map(scalar)
      return (source) => branchOf(branches, source)(source)
    }
    default: {
      const over = skip(schema)
      return (source) => {
        over(source, [])
        return undefined
      }
    }
  }
}

/** Moves over one value. Throws AvroDataError. */
export function compileSkip(schema: AvroSchema): Picker {
  return skip(schema)
}

const skippers = new WeakMap<AvroSchema, Picker>()

/** Moves over one value. Schemas may contain themselves, so each is compiled when it is first met. */
function skip(schema: AvroSchema): Picker {
  const known = skippers.get(schema)
  if (known !== undefined) return known
  let made: Picker | undefined
  const lazy: Picker = (source, into) => {
    made ??= makeSkip(schema)
    made(source, into)
  }
  skippers.set(schema, lazy)
  return lazy
}

function makeSkip(schema: AvroSchema): Picker {
  switch (schema.type) {
    case 'null':
      return () => {}
    case 'boolean':
      return (source) => void take(source, 1)
    case 'int':
    case 'enum':
      return (source) => void readInt(source)
    case 'long':
      return (source) => void readLong(source)
    case 'float':
      return (source) => void take(source, 4)
    case 'double':
      return (source) => void take(source, 8)
    case 'bytes':
      return (source) => void take(source, readLength(source, 'bytes'))
    case 'string':
      return (source) => void take(source, readLength(source, 'strings'))
    case 'fixed': {
      const { size } = schema
      return (source) => void take(source, size)
    }
    case 'array':
      return skipBlocks(skip(schema.items))
    case 'map': {
      const value = skip(schema.values)
      return skipBlocks((source, into) => {
        take(source, readLength(source, 'strings'))
        value(source, into)
      })
    }
    case 'union': {
      const branches = schema.branches.map(skip)
      return (source, into) => branchOf(branches, source)(source, into)
    }
    case 'record': {
      const fields = schema.fields.map((field) => skip(field.schema))
      return (source, into) => {
        for (const field of fields) field(source, into)
      }
    }
  }
}

function skipBlocks(item: Picker): Picker {
  return (source, into) => {
    for (let count = readBlockCount(source); count > 0; count = readBlockCount(source)) {
      for (let index = 0; index < count; index++) item(source, into)
    }
  }
}
