/**
 * Double.toString and Float.toString of JDK 17 (and of every JDK before 19): sun's FloatingDecimal, which prints more digits than needed for some
 * values (1e23 is 9.999999999999999E22) and is therefore rebuilt step by step. Confluent's images up to 7.x run on such a JDK.
 */
export function javaDouble(value: number): string {
  const special = specialText(value)
  if (special !== undefined) return special
  // Exact whole numbers need no digit generation.
  if (Number.isInteger(value) && Math.abs(value) < 2 ** 53) return layout(value < 0, ...wholeDigits(Math.abs(value)))
  view.setFloat64(0, value)
  const short = commonDecimal(value)
  if (short !== undefined) return short
  const bits = view.getBigUint64(0)
  const exponent = Number((bits >> 52n) & 0x7ffn)
  const fraction = bits & 0xfffffffffffffn
  return layout(
    value < 0,
    ...(exponent === 0 ? develop(...normalized(fraction, 53, 1 - 1023)) : develop(fraction | (1n << 52n), exponent - 1023, 53)),
  )
}

/** The same for a float, given as a number that is exactly one. */
export function javaFloat(value: number): string {
  const special = specialText(value)
  if (special !== undefined) return special
  if (Number.isInteger(value) && Math.abs(value) < 2 ** 24) return layout(value < 0, ...wholeDigits(Math.abs(value)))
  view.setFloat32(0, value)
  const bits = view.getUint32(0)
  const exponent = (bits >>> 23) & 0xff
  const fraction = BigInt(bits & 0x7fffff)
  const [significand, binary, width] = exponent === 0 ? normalized(fraction, 24, 1 - 127) : ([fraction | (1n << 23n), exponent - 127, 24] as const)
  return layout(value < 0, ...develop(significand << 29n, binary, width))
}

/**
 * JavaScript's text where Java's is the same, which is nearly always and saves the big integers: up to 15 digits, printed without exponent,
 * below 2^53 (no decimal of 15 digits lies halfway between two doubles there) and no power of two (whose margins Java halves on both sides).
 * Compared with a JDK 17 over millions of values.
 */
function commonDecimal(value: number): string | undefined {
  const size = Math.abs(value)
  if (size < 1e-3 || size >= 1e7) return undefined
  if (view.getUint32(4) === 0 && (view.getUint32(0) & 0xfffff) === 0) return undefined
  const text = String(size)
  if (text.length > (size < 1 ? 17 : 16)) return undefined
  return value < 0 ? `-${text}` : text
}

const view = new DataView(new ArrayBuffer(8))

/** Digits without trailing zeros, and the place of the point: 0.DIGITS × 10^point. */
type Digits = [digits: string, point: number]

function specialText(value: number): string | undefined {
  if (Number.isNaN(value)) return 'NaN'
  if (value === Number.POSITIVE_INFINITY) return 'Infinity'
  if (value === Number.NEGATIVE_INFINITY) return '-Infinity'
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0'
  return undefined
}

function wholeDigits(value: number): Digits {
  const text = String(value)
  return [text.replace(/0+$/, ''), text.length]
}

/** A subnormal number's fraction shifted until it has `width` bits. */
function normalized(fraction: bigint, width: number, exponent: number): [significand: bigint, exponent: number, significantBits: number] {
  const bits = fraction.toString(2).length
  return [fraction << BigInt(width - bits), exponent - (width - bits), bits]
}

function layout(negative: boolean, digits: string, point: number): string {
  const sign = negative ? '-' : ''
  if (point > 0 && point < 8) return `${sign}${digits.slice(0, point).padEnd(point, '0')}.${digits.slice(point) || '0'}`
  if (point <= 0 && point > -3) return `${sign}0.${'0'.repeat(-point)}${digits}`
  return `${sign}${digits.slice(0, 1)}.${digits.slice(1) || '0'}E${point - 1}`
}

const five = Array.from({ length: 27 }, (_, power) => 5n ** BigInt(power))
const fiveBits = five.map((value, power) => (power === 0 ? 0 : value.toString(2).length))

/** FloatingDecimal.BinaryToASCIIBuffer.dtoa: `significand` has its highest bit at 52 and stands for 1.xxx × 2^binary. */
function develop(significand: bigint, binary: number, significantBits: number): Digits {
  const tail = trailingZeros(significand)
  const fractionBits = 53 - tail
  const tiny = Math.max(0, fractionBits - binary - 1)
  if (binary <= 62 && binary >= -21 && tiny === 0) {
    const dropped = binary > significantBits ? insignificantDigits(binary - significantBits - 1) : 0
    return wholeLong(binary >= 52 ? significand << BigInt(binary - 52) : significand >> BigInt(52 - binary), dropped)
  }
  let exponent = estimate(significand, binary)
  const [b5, s5] = [Math.max(0, -exponent), Math.max(0, exponent)]
  let b2 = b5 + tiny + binary
  let s2 = s5 + tiny
  let m2 = b2 - significantBits
  b2 -= fractionBits - 1
  const common = Math.min(b2, s2)
  b2 -= common
  s2 -= common
  m2 -= common
  if (fractionBits === 1) m2--
  if (m2 < 0) {
    b2 -= m2
    s2 -= m2
    m2 = 0
  }
  const bBits = fractionBits + b2 + (fiveBits[b5] ?? b5 * 3)
  const sBits = s2 + 1 + (fiveBits[s5 + 1] ?? (s5 + 1) * 3)
  // Java computes in int, long or big integers, whichever is wide enough; the first two may overflow, and so do we:
  // an overflown margin ends the digits, and 2^83 as a float is 9.6714065E24.
  const width = bBits < 64 && sBits < 64 ? (bBits < 32 && sBits < 32 ? 32 : 64) : 0
  const s = (5n ** BigInt(s5)) << BigInt(s2)
  const tens = s * 10n
  let b = ((significand >> BigInt(tail)) * 5n ** BigInt(b5)) << BigInt(b2)
  let m = (5n ** BigInt(b5)) << BigInt(m2)
  let low = false
  let high = false
  const next = (): number => {
    const digit = Number(b / s)
    b = (b % s) * 10n
    m *= 10n
    if (width > 0) m = BigInt.asIntN(width, m)
    low = m <= 0n || b < m
    high = m <= 0n || (width > 0 ? BigInt.asIntN(width, b + m) > tens : b + m >= tens)
    return digit
  }
  const digits: number[] = []
  const first = next()
  if (first === 0 && !high) exponent--
  else digits.push(first)
  if (exponent < -3 || exponent >= 8) low = high = false
  while (!low && !high) digits.push(next())
  const half = width > 0 ? BigInt.asIntN(width, b * 2n - tens) : b * 2n - tens
  const up = high && (!low || half > 0n || (half === 0n && ((digits.at(-1) ?? 0) & 1) === 1))
  return up ? roundedUp(digits, exponent + 1) : [digits.join(''), exponent + 1]
}

function roundedUp(digits: number[], point: number): Digits {
  let last = digits.length - 1
  while (last > 0 && digits[last] === 9) digits[last--] = 0
  if (digits[last] === 9) return [`1${'0'.repeat(digits.length - 1)}`, point + 1]
  digits[last] = (digits[last] ?? 0) + 1
  return [digits.join(''), point]
}

function wholeLong(value: bigint, dropped: number): Digits {
  let kept = value
  if (dropped > 0) {
    const power = 10n ** BigInt(dropped)
    kept = value / power + (value % power >= power / 2n ? 1n : 0n)
  }
  const text = kept.toString()
  return [text.replace(/0+$/, ''), text.length + dropped]
}

/** How many decimal digits 2^power does not reach: the table of FloatingDecimal, floor(power · log10 2) from 2 on. */
function insignificantDigits(power: number): number {
  return power > 1 && power < 64 ? Math.floor(power * Math.LOG10E * Math.LN2) : 0
}

/** floor(log10) of the number, or one too much: the first digit tells. */
function estimate(significand: bigint, binary: number): number {
  const mantissa = Number(significand) / 2 ** 52
  return Math.floor((mantissa - 1.5) * 0.289529654 + 0.176091259 + binary * 0.301029995663981)
}

function trailingZeros(value: bigint): number {
  const low = Number(value & 0xffffffffn)
  if (low !== 0) return 31 - Math.clz32(low & -low)
  const high = Number(value >> 32n)
  return 63 - Math.clz32(high & -high)
}
