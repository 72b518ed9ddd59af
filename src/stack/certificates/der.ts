/**
 * DER (X.690): every value is tag, length, contents.
 *   length = one byte below 128; else 0x80 | n, then n bytes, big endian
 * Only what a certificate needs.
 */
export function der(tag: number, ...contents: Uint8Array[]): Buffer {
  const body = Buffer.concat(contents)
  if (body.length < 128) return Buffer.concat([Buffer.from([tag, body.length]), body])
  const digits = body.length.toString(16)
  const length = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex')
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, body])
}

export const sequence = (...items: Uint8Array[]) => der(0x30, ...items)
export const set = (...items: Uint8Array[]) => der(0x31, ...items)
export const octets = (bytes: Uint8Array) => der(0x04, bytes)
export const text = (value: string) => der(0x0c, Buffer.from(value, 'utf8'))
export const truth = () => der(0x01, Buffer.from([0xff]))
/** Whole bytes: no unused bits at the end. */
export const bits = (bytes: Uint8Array, unused = 0) => der(0x03, Buffer.from([unused]), bytes)
/** Context-specific: `[number]`, constructed or (primitive, implicit) raw. */
export const tagged = (number: number, contents: Uint8Array, constructed = true) => der((constructed ? 0xa0 : 0x80) | number, contents)

/** A positive integer; a leading zero byte where the first bit is set, which would read as a minus. */
export function integer(bytes: Uint8Array): Buffer {
  return der(0x02, (bytes[0] ?? 0) >= 0x80 ? Buffer.from([0]) : Buffer.alloc(0), bytes)
}

/** An object identifier in dots: 40 × first + second, then each number in base 128, all bytes but its last with the high bit. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const bytes = [first * 40 + second]
  for (const number of rest) {
    const digits = [number & 0x7f]
    for (let left = Math.floor(number / 128); left > 0; left = Math.floor(left / 128)) digits.unshift((left & 0x7f) | 0x80)
    bytes.push(...digits)
  }
  return der(0x06, Buffer.from(bytes))
}

/** UTCTime `YYMMDDhhmmssZ` up to 2049, as RFC 5280 wants it, GeneralizedTime from then on. */
export function time(date: Date): Buffer {
  const digits = `${date.toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`
  return date.getUTCFullYear() < 2050 ? der(0x17, Buffer.from(digits.slice(2))) : der(0x18, Buffer.from(digits))
}
