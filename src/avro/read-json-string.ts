import { describeCharacter, endFailure, parseFailure, unexpected } from './read-json-failure.ts'

const quote = 0x22
const backslash = 0x5c

export interface StringEnd {
  value: string
  /** Behind the closing quote. */
  end: number
}

const found: StringEnd = { value: '', end: 0 }

/**
 * The JSON string whose first character stands at `from`, behind its opening quote. Lone surrogates stay as they are.
 * The answer is the same object each time: read it before the next call.
 */
export function scanString(text: string, from: number, limit: number, what: 'value' | 'name'): StringEnd {
  let at = from
  let start = from
  let value = ''
  for (;;) {
    if (at >= limit) throw endFailure(what === 'name' ? ' in field name' : ': was expecting closing quote for a string value', at)
    const code = text.charCodeAt(at)
    if (code === quote) break
    if (code === backslash) {
      value += text.slice(start, at) + escaped(text, at + 1, limit)
      at += text.charCodeAt(at + 1) === 0x75 ? 6 : 2
      start = at
      continue
    }
    if (code < 0x20) {
      const where = what === 'name' ? 'name' : 'string value'
      throw parseFailure(`Illegal unquoted character (${describeCharacter(code)}): has to be escaped using backslash to be included in ${where}`, at)
    }
    at++
  }
  found.value = start === from ? text.slice(from, at) : value + text.slice(start, at)
  found.end = at + 1
  return found
}

function escaped(text: string, at: number, limit: number): string {
  if (at >= limit) throw endFailure(' in character escape sequence', at)
  const code = text.charCodeAt(at)
  switch (code) {
    case 0x62:
      return '\b'
    case 0x74:
      return '\t'
    case 0x6e:
      return '\n'
    case 0x66:
      return '\f'
    case 0x72:
      return '\r'
    case quote:
    case backslash:
    case 0x2f:
      return String.fromCharCode(code)
    case 0x75:
      return String.fromCharCode(fourDigits(text, at + 1, limit))
    default:
      throw parseFailure(`Unrecognized character escape ${describeCharacter(code)}`, at)
  }
}

function fourDigits(text: string, from: number, limit: number): number {
  let value = 0
  for (let at = from; at < from + 4; at++) {
    if (at >= limit) throw endFailure(' in character escape sequence', at)
    const code = text.charCodeAt(at)
    const digit = code >= 0x30 && code <= 0x39 ? code - 0x30 : (code | 0x20) >= 0x61 && (code | 0x20) <= 0x66 ? (code | 0x20) - 0x57 : -1
    if (digit < 0 || code > 0x7f) throw unexpected(code & 0xff, 'expected a hex-digit for character escape sequence', at)
    value = value * 16 + digit
  }
  return value
}
