import { describeCharacter, endFailure, limitFailure, parseFailure, place, unexpected } from './read-json-failure.ts'
import { badStart, scanNumber } from './read-json-number.ts'
import { scanString } from './read-json-string.ts'
import { badValue, scanWord } from './read-json-word.ts'

/** Jackson's names of tokens, which Avro's messages print. */
export type Token =
  | 'START_OBJECT'
  | 'END_OBJECT'
  | 'START_ARRAY'
  | 'END_ARRAY'
  | 'FIELD_NAME'
  | 'VALUE_STRING'
  | 'VALUE_NUMBER_INT'
  | 'VALUE_NUMBER_FLOAT'
  | 'VALUE_TRUE'
  | 'VALUE_FALSE'
  | 'VALUE_NULL'

const deepest = 1000
const noString = -1

/**
 * A reader of JSON tokens that finds the same ones, and fails at the same ones, as Jackson 2.18's parser over a string: it looks no further
 * than it must. With a field name the first token of its value is read too; a string's end is looked for when it is wanted or passed.
 * `text` from `at` to `limit`; `current` is undefined before the first token and behind the last one.
 */
export interface JsonTokens {
  readonly text: string
  readonly limit: number
  /** A value that was passed over and is read again. */
  readonly again: boolean
  at: number
  current: Token | undefined
  /** The first token of the value behind the current FIELD_NAME. */
  next: Token | undefined
  /** Text of the current FIELD_NAME. */
  name: string
  /** Where the current or next value begins, and where its number ends. */
  valueFrom: number
  numberEnd: number
  /** Where the first character of a string that has not been read yet stands, or -1. */
  stringFrom: number
  /** The text of a string that has been read. */
  string: string
  /** Of the innermost open container: whether it is an object, whether it has an entry yet; the others' below. */
  readonly objects: boolean[]
  readonly begun: boolean[]
  readonly starts: number[]
}

/** Tokens of `text`, or of the value that stands between `from` and `limit` in a text whose tokens have been there already. */
export function openTokens(text: string, from = 0, limit = text.length): JsonTokens {
  return {
    text,
    limit,
    again: from > 0,
    at: from,
    current: undefined,
    next: undefined,
    name: '',
    valueFrom: from,
    numberEnd: from,
    stringFrom: noString,
    string: '',
    objects: [],
    begun: [],
    starts: [],
  }
}

/** Moves to the next token. */
export function advance(json: JsonTokens): Token | undefined {
  if (json.current === 'FIELD_NAME') {
    const value = json.next
    json.current = value
    if (value === 'START_OBJECT' || value === 'START_ARRAY') enter(json, value === 'START_OBJECT')
    return value
  }
  if (json.stringFrom !== noString) finishString(json)
  const code = skipBlanks(json)
  if (code < 0) {
    if (json.objects.length > 0) throw unclosed(json)
    json.current = undefined
    return undefined
  }
  if (code === 0x5d || code === 0x7d) return close(json, code)
  const inner = json.objects.length - 1
  if (inner >= 0) {
    if (json.begun[inner]) skipComma(json)
    json.begun[inner] = true
  }
  if (inner < 0 || !json.objects[inner]) {
    const value = readValue(json)
    json.current = value
    if (value === 'START_OBJECT' || value === 'START_ARRAY') enter(json, value === 'START_OBJECT')
    return value
  }
  readName(json)
  json.next = readValue(json)
  json.current = 'FIELD_NAME'
  return 'FIELD_NAME'
}

/** The current token; a function, because moving on changes it behind the compiler's back. */
export function tokenOf(json: JsonTokens): Token | undefined {
  return json.current
}

/** The text of the current FIELD_NAME or VALUE_STRING. */
export function textOf(json: JsonTokens): string {
  if (json.current === 'FIELD_NAME') return json.name
  if (json.stringFrom !== noString) finishString(json)
  return json.string
}

/** The digits of the current number. */
export function numberOf(json: JsonTokens): string {
  return json.text.slice(json.valueFrom, json.numberEnd)
}

/** Moves to the last token of the value that begins with the current token. */
export function passValue(json: JsonTokens): void {
  if (json.current !== 'START_OBJECT' && json.current !== 'START_ARRAY') {
    if (json.stringFrom !== noString) finishString(json)
    return
  }
  const depth = json.objects.length
  while (json.objects.length >= depth) advance(json)
}

function finishString(json: JsonTokens): void {
  const { value, end } = scanString(json.text, json.stringFrom, json.limit, 'value')
  json.string = value
  json.at = end
  json.stringFrom = noString
}

function enter(json: JsonTokens, object: boolean): void {
  json.objects.push(object)
  json.begun.push(false)
  json.starts.push(json.valueFrom)
  if (json.objects.length > deepest) {
    throw limitFailure(
      `Document nesting depth (${json.objects.length}) exceeds the maximum allowed (${deepest}, from \`StreamReadConstraints.getMaxNestingDepth()\`)`,
    )
  }
}

/** Moves to the next character that is no white space and gives it; -1 at the end. */
function skipBlanks(json: JsonTokens): number {
  const { text, limit } = json
  for (; json.at < limit; json.at++) {
    const code = text.charCodeAt(json.at)
    if (code > 0x20) {
      if (code === 0x2f) {
        const why = "maybe a (non-standard) comment? (not recognized as one since Feature 'ALLOW_COMMENTS' not enabled for parser)"
        throw unexpected(code, why, json.at)
      }
      return code
    }
    if (code !== 0x20 && code !== 0x09 && code !== 0x0a && code !== 0x0d) {
      throw parseFailure(
        `Illegal character (${describeCharacter(code)}): only regular white space (\\r, \\n, \\t) is allowed between tokens`,
        json.at + 1,
      )
    }
  }
  return -1
}

function close(json: JsonTokens, code: number): Token {
  const object = code === 0x7d
  const inner = json.objects.length - 1
  if (inner < 0 || json.objects[inner] !== object) {
    const kind = inner < 0 ? 'root' : json.objects[inner] ? 'Object' : 'Array'
    const start = inner < 0 ? place(0).replace(', column: 1', '') : place(json.starts[inner] ?? 0)
    const marker = object ? "'}': expected ']'" : "']': expected '}'"
    throw parseFailure(`Unexpected close marker ${marker} (for ${kind} starting at ${start})`, json.at)
  }
  json.objects.pop()
  json.begun.pop()
  json.starts.pop()
  json.at++
  json.current = object ? 'END_OBJECT' : 'END_ARRAY'
  return json.current
}

const kindOf = (json: JsonTokens) => (json.objects.at(-1) ? 'Object' : 'Array')

function unclosed(json: JsonTokens) {
  return endFailure(`: expected close marker for ${kindOf(json)} (start marker at ${place(json.starts.at(-1) ?? 0)})`, json.at)
}

function skipComma(json: JsonTokens): void {
  const code = json.text.charCodeAt(json.at)
  if (code !== 0x2c) throw unexpected(code, `was expecting comma to separate ${kindOf(json)} entries`, json.at)
  json.at++
  if (skipBlanks(json) < 0) throw parseFailure(`Unexpected end-of-input within/between ${kindOf(json)} entries`, json.at)
}

function readName(json: JsonTokens): void {
  const code = json.text.charCodeAt(json.at)
  if (code !== 0x22) throw unexpected(code, 'was expecting double-quote to start field name', json.at)
  const { value, end } = scanString(json.text, json.at + 1, json.limit, 'name')
  json.name = value
  json.at = end
  const colon = skipBlanks(json)
  if (colon < 0) throw endFailure(` within/between ${kindOf(json)} entries`, json.at)
  if (colon !== 0x3a) throw unexpected(colon, 'was expecting a colon to separate field name and value', json.at)
  json.at++
  if (skipBlanks(json) < 0) throw endFailure(` within/between ${kindOf(json)} entries`, json.at)
}

/** The first token of a value; containers are entered by the caller. */
function readValue(json: JsonTokens): Token {
  const { text, limit, at } = json
  json.valueFrom = at
  const code = text.charCodeAt(at)
  switch (code) {
    case 0x22:
      json.stringFrom = at + 1
      json.at = at + 1
      return 'VALUE_STRING'
    case 0x5b:
      json.at = at + 1
      return 'START_ARRAY'
    case 0x7b:
      json.at = at + 1
      return 'START_OBJECT'
    case 0x74:
      json.at = scanWord(text, at, limit, 'true')
      return 'VALUE_TRUE'
    case 0x66:
      json.at = scanWord(text, at, limit, 'false')
      return 'VALUE_FALSE'
    case 0x6e:
      json.at = scanWord(text, at, limit, 'null')
      return 'VALUE_NULL'
    default: {
      if (code === 0x2b) throw badStart(text, at + 1, limit, false)
      if (code !== 0x2d && (code < 0x30 || code > 0x39)) throw badValue(text, at, limit, json.objects.at(-1) === false)
      const { end, float } = scanNumber(text, at, limit, json.objects.length === 0)
      json.at = end
      json.numberEnd = end
      return float ? 'VALUE_NUMBER_FLOAT' : 'VALUE_NUMBER_INT'
    }
  }
}
