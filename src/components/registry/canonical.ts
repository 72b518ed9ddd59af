import { createHash } from 'node:crypto'
import { parseJson, stringifyJson } from '../../base/lossless-json.ts'

/**
 * The text that two schemas are compared by. AVRO and JSON: parsed, attributes in order of name, no white space, because servers rewrite
 * both on registration. Everything else (PROTOBUF, and AVRO text that is a bare type name): line ends and outer white space only.
 */
export function canonicalSchema(type: string, text: string): string {
  if (type !== 'PROTOBUF') {
    try {
      return stringifyJson(sorted(parseJson(text)))
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
    }
  }
  return text.replaceAll('\r\n', '\n').trim()
}

/** SHA-256 of the canonical text, lower-case hex. */
export function schemaSha256(type: string, text: string): string {
  return createHash('sha256').update(canonicalSchema(type, text)).digest('hex')
}

/** The value with the attributes of every object in order of name: equal things print equal. */
export function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sorted(item)]),
  )
}
