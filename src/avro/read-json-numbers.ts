import { rangeFailure } from './read-json-failure.ts'

const intRange = 'out of range of int (-2147483648 - 2147483647)'
const longRange = 'out of range of long (-9223372036854775808 - 9223372036854775807)'
const manyDigits = 1000

/** Jackson's getIntValue: a fraction is cut off, `1e2` is 100; beyond 32 bits it fails. `end`: place of the failure; none in a value that was kept for its turn. */
export function intOf(digits: string, end: number | undefined): number {
  const value = Number(digits)
  if (value < -2147483648 || value > 2147483647) throw rangeFailure(`Numeric value (${shown(digits)}) ${intRange}`, end)
  return Math.trunc(value)
}

/** Jackson's getLongValue: as for int with 64 bits. A float goes through a double, so 9.3e18 fails and 2^63 as a float is the largest long. */
export function longOf(digits: string, float: boolean, end: number | undefined): bigint {
  if (float) {
    const value = Number(digits)
    if (value < -(2 ** 63) || value > 2 ** 63) throw rangeFailure(`Numeric value (${shown(digits)}) ${longRange}`, end)
    return value >= 2 ** 63 ? 2n ** 63n - 1n : BigInt(Math.trunc(value))
  }
  const value = BigInt(digits)
  if (BigInt.asIntN(64, value) !== value) throw rangeFailure(`Numeric value (${shown(digits)}) ${longRange}`, end)
  return value
}

/** The float nearest to a decimal text. Rounding through a double is wrong when the double is just half way between two floats. */
export function floatOf(digits: string, float: boolean): number {
  const double = doubleOf(digits, float)
  const nearest = Math.fround(double)
  if (double === nearest || !Number.isFinite(double)) return nearest
  const other = neighbour(nearest, double > nearest)
  // Exact in a double: both have 24 bits.
  if (Math.abs(double - nearest) !== Math.abs(other - double)) return nearest
  const side = compareWithDouble(digits, double)
  if (side === 0) return nearest
  return side > 0 === other > nearest ? other : nearest
}

/** -0 is an integer in JSON, and so has no sign. */
export function doubleOf(digits: string, float: boolean): number {
  return float ? Number(digits) : Number(digits) + 0
}

const bits = new DataView(new ArrayBuffer(4))

function neighbour(float: number, up: boolean): number {
  if (float === 0) return up ? 1.401298464324817e-45 : -1.401298464324817e-45
  bits.setFloat32(0, float)
  bits.setInt32(0, bits.getInt32(0) + (up === float > 0 ? 1 : -1))
  return bits.getFloat32(0)
}

/** Sign of `digits` minus `double`, exactly. */
function compareWithDouble(digits: string, double: number): number {
  const [, sign, integer = '', fraction = '', exponent = '0'] = /^(-?)(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?$/.exec(digits) ?? []
  const scale = Number(exponent) - fraction.length
  let left = BigInt(`${integer}${fraction}`) * (sign === '-' ? -1n : 1n)
  let [right, power] = exactly(double)
  if (scale >= 0) left *= 10n ** BigInt(scale)
  else right *= 10n ** BigInt(-scale)
  if (power >= 0) right *= 2n ** BigInt(power)
  else left *= 2n ** BigInt(-power)
  return left === right ? 0 : left > right ? 1 : -1
}

/** mantissa × 2^power */
function exactly(double: number): [bigint, number] {
  let power = 0
  let mantissa = double
  while (!Number.isInteger(mantissa)) {
    mantissa *= 2
    power--
  }
  return [BigInt(mantissa), power]
}

function shown(digits: string): string {
  return digits.length < manyDigits ? digits : `[Integer with ${digits.replace('-', '').length} digits]`
}
