import { isUtf8 } from 'node:buffer'

/**
 * UTF-8 → string as `new String(bytes, UTF_8)` decodes it (JDK 17). Valid bytes are what everyone makes of them; for invalid ones Java puts fewer
 * or more U+FFFD than the web's decoder does, e.g. a single one for an encoded surrogate.
 */
export function javaUtf8(bytes: Buffer): string {
  return isUtf8(bytes) ? bytes.toString('utf8') : decodeInvalid(bytes)
}

const replacement = '\ufffd'
const continues = (byte: number | undefined): byte is number => byte !== undefined && (byte & 0xc0) === 0x80

function decodeInvalid(bytes: Buffer): string {
  let text = ''
  for (let at = 0; at < bytes.length; ) {
    const { length, whole } = sequenceAt(bytes, at)
    text += whole ? bytes.toString('utf8', at, at + length) : replacement
    at += length
  }
  return text
}

/** How many bytes belong together, and whether they are a character. */
function sequenceAt(bytes: Buffer, at: number): { length: number; whole: boolean } {
  const [lead, second, third, fourth] = [bytes[at] as number, bytes[at + 1], bytes[at + 2], bytes[at + 3]]
  if (lead < 0x80) return { length: 1, whole: true }
  if (lead < 0xc2 || lead > 0xf4 || !continues(second)) return { length: 1, whole: false }
  if (lead < 0xe0) return { length: 2, whole: true }
  if (lead < 0xf0) {
    if (lead === 0xe0 && second < 0xa0) return { length: 1, whole: false }
    if (!continues(third)) return { length: 2, whole: false }
    return { length: 3, whole: lead !== 0xed || second < 0xa0 }
  }
  if ((lead === 0xf0 && second < 0x90) || (lead === 0xf4 && second >= 0x90)) return { length: 1, whole: false }
  if (!continues(third)) return { length: 2, whole: false }
  return continues(fourth) ? { length: 4, whole: true } : { length: 3, whole: false }
}
