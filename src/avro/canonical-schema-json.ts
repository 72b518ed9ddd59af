import { javaDouble } from './java-float.ts'
import { JsonReadFailure, unexpected } from './read-json-failure.ts'
import { scanNumber } from './read-json-number.ts'
import { scanString } from './read-json-string.ts'
import { badValue, scanWord } from './read-json-word.ts'

/** A number that keeps its digits. */
export interface JsonNumber {
  digits: string
  float: boolean
}

/** JSON with the order of its names and the digits of its numbers. A name given twice has its first place and its last value. */
export type JsonTree = string | boolean | null | JsonNumber | JsonTree[] | Map<string, JsonTree>

export const isNumber = (tree: JsonTree | undefined): tree is JsonNumber => typeof tree === 'object' && tree !== null && 'digits' in tree

/** Parses a schema's text as Avro's parser does: Java comments are allowed, nothing may follow. Throws JsonReadFailure; undefined for a blank text. */
export function parseJsonTree(text: string): JsonTree | undefined {
  let at = 0
  const blanks = (): number => {
    for (;;) {
      while (at < text.length && ' \t\r\n'.includes(text.charAt(at))) at++
      if (text.startsWith('//', at)) {
        const end = text.slice(at).search(/[\r\n]/)
        at = end < 0 ? text.length : at + end
      } else if (text.startsWith('/*', at)) {
        const end = text.indexOf('*/', at + 2)
        if (end < 0) throw new JsonReadFailure('com.fasterxml.jackson.core.io.JsonEOFException', 'Unexpected end-of-input in a comment')
        at = end + 2
      } else return at < text.length ? text.charCodeAt(at) : -1
    }
  }
  const ended = (kind: string) =>
    new JsonReadFailure('com.fasterxml.jackson.core.io.JsonEOFException', `Unexpected end-of-input: expected close marker for ${kind}`)
  const string = (what: 'value' | 'name'): string => {
    const { value, end } = scanString(text, at + 1, text.length, what)
    at = end
    return value
  }
  const word = <T>(letters: string, value: T): T => {
    at = scanWord(text, at, text.length, letters)
    return value
  }
  const entries = (kind: 'Object' | 'Array', close: number, entry: () => void): void => {
    at++
    for (let first = true; ; first = false) {
      const code = blanks()
      if (code < 0) throw ended(kind)
      if (code === close && first) break
      if (!first) {
        if (code === close) break
        if (code !== 0x2c) throw unexpected(code, `was expecting comma to separate ${kind} entries`, at)
        at++
        if (blanks() < 0) throw ended(kind)
      }
      entry()
    }
    at++
  }
  const value = (inArray: boolean): JsonTree => {
    const code = text.charCodeAt(at)
    switch (code) {
      case 0x22:
        return string('value')
      case 0x7b: {
        const map = new Map<string, JsonTree>()
        entries('Object', 0x7d, () => {
          const quote = text.charCodeAt(at)
          if (quote !== 0x22) throw unexpected(quote, 'was expecting double-quote to start field name', at)
          const name = string('name')
          const colon = blanks()
          if (colon < 0) throw ended('Object')
          if (colon !== 0x3a) throw unexpected(colon, 'was expecting a colon to separate field name and value', at)
          at++
          if (blanks() < 0) throw ended('Object')
          map.set(name, value(false))
        })
        return map
      }
      case 0x5b: {
        const list: JsonTree[] = []
        entries('Array', 0x5d, () => list.push(value(true)))
        return list
      }
      case 0x74:
        return word('true', true)
      case 0x66:
        return word('false', false)
      case 0x6e:
        return word('null', null)
      default: {
        if (code !== 0x2d && (code < 0x30 || code > 0x39)) throw badValue(text, at, text.length, inArray)
        const { end, float } = scanNumber(text, at, text.length, false)
        const digits = text.slice(at, end)
        at = end
        return { digits, float }
      }
    }
  }
  if (blanks() < 0) return undefined
  const tree = value(false)
  const rest = text.slice(at).trim()
  if (rest !== '') throw new JsonReadFailure('org.apache.avro.SchemaParseException', `dangling content after end of schema: ${rest}`)
  return tree
}

/** Writes a tree as Jackson does: no blanks, floats as Java prints doubles. */
export function writeJsonTree(tree: JsonTree): string {
  if (tree === null || typeof tree === 'boolean') return String(tree)
  if (typeof tree === 'string') return writeJsonString(tree)
  if (Array.isArray(tree)) return `[${tree.map(writeJsonTree).join(',')}]`
  if (isNumber(tree)) return tree.float ? writeDouble(Number(tree.digits)) : BigInt(tree.digits).toString()
  return `{${[...tree].map(([name, value]) => `${writeJsonString(name)}:${writeJsonTree(value)}`).join(',')}}`
}

const writeDouble = (value: number) => (Number.isFinite(value) ? javaDouble(value) : `"${javaDouble(value)}"`)

const short: Record<string, string> = { '\b': '\\b', '\t': '\\t', '\n': '\\n', '\f': '\\f', '\r': '\\r', '"': '\\"', '\\': '\\\\' }

export function writeJsonString(text: string): string {
  const escaped = text.replaceAll(
    /["\\\p{Cc}]/gu,
    (c) => short[c] ?? (c < ' ' ? `\\u${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}` : c),
  )
  return `"${escaped}"`
}
