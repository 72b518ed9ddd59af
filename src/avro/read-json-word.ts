import { type JsonReadFailure, parseFailure, unexpected } from './read-json-failure.ts'

export const expectedTokens = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
const longestWord = 256

/** Java's Character.isJavaIdentifierPart, near enough for a message. */
export function javaIdentifierPart(code: number): boolean {
  if (Number.isNaN(code)) return false
  if (code < 0x80) {
    return (
      (code >= 0x30 && code <= 0x39) ||
      (code >= 0x41 && code <= 0x5a) ||
      (code >= 0x61 && code <= 0x7a) ||
      code === 0x5f ||
      code === 0x24 ||
      ignorable(code)
    )
  }
  return /[\p{L}\p{Nl}\p{Nd}\p{Sc}\p{Pc}\p{Mn}\p{Mc}\p{Cf}]/u.test(String.fromCharCode(code)) || ignorable(code)
}

const ignorable = (code: number) => code <= 0x08 || (code >= 0x0e && code <= 0x1b) || (code >= 0x7f && code <= 0x9f)

function javaIdentifierStart(code: number): boolean {
  return javaIdentifierPart(code) && !/[\p{Nd}\p{Mn}\p{Mc}\p{Cf}]/u.test(String.fromCharCode(code)) && !ignorable(code)
}

/** The place behind `word`, which must stand at `at` (its first character is known to) and end there. */
export function scanWord(text: string, at: number, limit: number, word: string): number {
  let same = 1
  while (same < word.length && at + same < limit && text.charCodeAt(at + same) === word.charCodeAt(same)) same++
  if (same < word.length) throw badWord(text, at, at + same, limit)
  const end = at + word.length
  if (end < limit) {
    const next = text.charCodeAt(end)
    if (next >= 0x30 && next !== 0x5d && next !== 0x7d && javaIdentifierPart(next)) throw badWord(text, at, end, limit)
  }
  return end
}

/** The failure for a value that begins with a character that none begins with. */
export function badValue(text: string, at: number, limit: number, inArray: boolean): JsonReadFailure {
  const code = text.charCodeAt(at)
  if (code === 0x7d) return unexpected(code, 'expected a value', at)
  if (code === 0x4e || code === 0x49) {
    return notNumeric(text, at, limit, code === 0x4e ? 'NaN' : 'Infinity')
  }
  if (javaIdentifierStart(code) && !(code === 0x5d && !inArray)) return badWord(text, at, at + 1, limit)
  return unexpected(code, `expected a valid value ${expectedTokens}`, at)
}

/** The failure for NaN and infinities, or for what begins like one of them. */
export function notNumeric(text: string, at: number, limit: number, word: string): JsonReadFailure {
  const end = scanWord(text, at, limit, word)
  return parseFailure(`Non-standard token '${word}': enable \`JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS\` to allow`, end)
}

/** From `from` to `known` the characters have been taken already; the rest of the identifier follows. */
function badWord(text: string, from: number, known: number, limit: number): JsonReadFailure {
  let end = known
  while (end < limit && javaIdentifierPart(text.charCodeAt(end)) && end - from < longestWord) end++
  const more = end - from >= longestWord ? '...' : ''
  return parseFailure(`Unrecognized token '${text.slice(from, end)}${more}': was expecting ${expectedTokens}`, end)
}
