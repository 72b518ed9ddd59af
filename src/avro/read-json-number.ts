import { describeCharacter, endFailure, type JsonReadFailure, limitFailure, parseFailure, unexpected } from './read-json-failure.ts'
import { expectedTokens, notNumeric } from './read-json-word.ts'

const zero = 0x30
const nine = 0x39
const dot = 0x2e
const mostDigits = 1000

export interface NumberEnd {
  /** Behind the last character. */
  end: number
  float: boolean
}

const found: NumberEnd = { end: 0, float: false }

/**
 * The JSON number that begins at `from` with `-` or a digit. The answer is the same object each time: read it before the next call.
 * At the top level (`inRoot`) white space or the end must follow.
 */
export function scanNumber(text: string, from: number, limit: number, inRoot: boolean): NumberEnd {
  let at = from
  const code = () => (at < limit ? text.charCodeAt(at) : -1)
  const negative = code() === 0x2d
  if (negative) {
    at++
    if (at >= limit) throw endFailure('No digit following sign', at)
  }
  const first = code()
  if (first < zero || first > nine) throw badStart(text, at, limit, true)
  const digits = () => {
    const start = at
    while (at < limit) {
      const digit = text.charCodeAt(at)
      if (digit < zero || digit > nine) break
      at++
    }
    return at - start
  }
  const integers = digits()
  if (first === zero && integers > 1) throw parseFailure('Invalid numeric value: Leading zeroes not allowed', from + (negative ? 2 : 1))
  let float = false
  let fraction = 0
  if (code() === dot) {
    float = true
    at++
    fraction = digits()
    // At the end of the text the character that is there last is to blame.
    if (fraction === 0) throw inNumber(code() < 0 ? dot : code(), 'Decimal point not followed by a digit', first === zero && at < limit ? at : at - 1)
  }
  if ((code() | 0x20) === 0x65) {
    float = true
    const letter = at++
    if (at >= limit) throw endFailure('expected a digit for number exponent', at)
    if (code() === 0x2b || code() === 0x2d) at++
    if (at >= limit) throw endFailure('expected a digit for number exponent', at)
    if (digits() === 0) throw inNumber(code(), 'Exponent indicator not followed by a digit', first === zero ? at : letter)
  }
  const length = at - from - (negative ? 1 : 0) - (float ? 2 : 0)
  if (length > mostDigits) {
    const limits = 'exceeds the maximum allowed (1000, from `StreamReadConstraints.getMaxNumberLength()`)'
    throw limitFailure(`Number value length (${length}) ${limits}`)
  }
  if (inRoot && at < limit) {
    const next = code()
    if (next !== 0x20 && next !== 0x09 && next !== 0x0a && next !== 0x0d)
      throw parseFailure(`Unexpected character (${describeCharacter(next)}): Expected space separating root-level values`, at)
  }
  found.end = at
  found.float = float
  return found
}

function inNumber(code: number, why: string, at: number): JsonReadFailure {
  return parseFailure(`Unexpected character (${describeCharacter(code)}) in numeric value: ${why}`, at)
}

/** What is wrong behind a sign where no digit follows: `at` is the place of that character. */
export function badStart(text: string, at: number, limit: number, negative: boolean): JsonReadFailure {
  const sign = negative ? '-' : '+'
  if (at >= limit) return endFailure(' in a Number value', at)
  if (text[at] === 'I') {
    if (at + 1 >= limit) return endFailure(' in a Number value', at + 1)
    for (const word of ['INF', 'Infinity']) if (text[at + 1] === word[1]) return notNumeric(text, at - 1, limit, `${sign}${word}`)
  }
  if (!negative) {
    const why = 'JSON spec does not allow numbers to have plus signs: enable `JsonReadFeature.ALLOW_LEADING_PLUS_SIGN_FOR_NUMBERS` to allow'
    return inNumber(0x2b, why, at)
  }
  if (text[at] === '.') return unexpected(dot, `expected a valid value ${expectedTokens}`, at)
  return inNumber(text.charCodeAt(at), 'expected digit (0-9) to follow minus sign, for valid numeric value', at)
}
