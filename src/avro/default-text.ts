import { AvroDataError } from './avro-data-error.ts'
import { hashOrder, utf8Hash } from './hash-order.ts'
import { javaDouble, javaFloat } from './java-float.ts'
import { JsonSink } from './json-sink.ts'
import { type AvroSchema, branchName } from './schema.ts'

/** A field's default as the printed JSON of its value: a union's is one of its first branch, bytes are characters up to U+00FF. */
export function defaultText(schema: AvroSchema, value: unknown): string {
  switch (schema.type) {
    case 'null':
      return 'null'
    case 'boolean':
    case 'int':
    case 'long':
      return String(value)
    case 'float':
      return quotedUnlessFinite(javaFloat(Math.fround(Number(value))))
    case 'double':
      return quotedUnlessFinite(javaDouble(Number(value)))
    case 'string':
    case 'enum':
      return jsonString(String(value))
    case 'bytes':
    case 'fixed':
      return jsonLatin1(String(value))
    case 'array':
      return `[${(value as unknown[]).map((item) => defaultText(schema.items, item)).join(',')}]`
    case 'map': {
      const entries = Object.entries(value as Record<string, unknown>)
      const keys = entries.map(([key]) => Buffer.from(key, 'utf8'))
      const order = hashOrder(
        keys.map((key) => utf8Hash(key, 0, key.length)),
        entries.length,
      )
      return `{${order.map((place) => `${jsonString(entries[place]?.[0] ?? '')}:${defaultText(schema.values, entries[place]?.[1])}`).join(',')}}`
    }
    case 'union': {
      const [first] = schema.branches
      if (first === undefined) throw new AvroDataError('org.apache.avro.AvroTypeException', 'a default of an empty union')
      const text = defaultText(first, value)
      return first.type === 'null' ? text : `{${JSON.stringify(branchName(first))}:${text}}`
    }
    case 'record': {
      const given = value as Record<string, unknown>
      const fields = schema.fields.map(({ name, schema: type, default: own }) => {
        return `${JSON.stringify(name)}:${defaultText(type, Object.hasOwn(given, name) ? given[name] : own)}`
      })
      return `{${fields.join(',')}}`
    }
  }
}

const quotedUnlessFinite = (text: string) => (/[Ny]$/.test(text) ? `"${text}"` : text)

function jsonString(text: string): string {
  const sink = new JsonSink(text.length * 6 + 8)
  sink.string(text)
  return sink.bytes.toString('utf8', 0, sink.at)
}

function jsonLatin1(text: string): string {
  const source = Buffer.from(text, 'latin1')
  const sink = new JsonSink(source.length * 6 + 8)
  sink.latin1Of(source, 0, source.length)
  return sink.bytes.toString('utf8', 0, sink.at)
}
