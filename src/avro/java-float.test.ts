import { expect, test } from 'vitest'
import { javaDouble, javaFloat } from './java-float.ts'

/** Texts that a JDK 17 printed (Double.toString, Float.toString). */
test.each<[number, string]>([
  [1e23, '9.999999999999999E22'],
  [2e-3, '0.002'],
  [1e-4, '1.0E-4'],
  [4.9e-324, '4.9E-324'],
  [2.2250738585072014e-308, '2.2250738585072014E-308'],
  [1.7976931348623157e308, '1.7976931348623157E308'],
  [2 ** -44, '5.6843418860808015E-14'],
  [9007199254740992, '9.007199254740992E15'],
  [123456.789, '123456.789'],
  [-0, '-0.0'],
  [1e7, '1.0E7'],
  [1e-234, '1.0E-234'],
])('double %d prints as %s', (value, text) => {
  expect(javaDouble(value)).toBe(text)
})

test.each<[number, string]>([
  [0.1, '0.1'],
  [2 ** 31, '2.14748365E9'],
  [2 ** 83, '9.6714065E24'],
  [1.4e-45, '1.4E-45'],
  [16777216, '1.6777216E7'],
  [0.33333334, '0.33333334'],
  [3.4028235e38, '3.4028235E38'],
  [Number.NaN, 'NaN'],
  [Number.NEGATIVE_INFINITY, '-Infinity'],
])('float %d prints as %s', (value, text) => {
  expect(javaFloat(Math.fround(value))).toBe(text)
})
