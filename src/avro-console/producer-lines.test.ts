import { expect, test } from 'vitest'
import { lineCutter } from './producer-lines.ts'

function cutAt(text: string, sizes: number[]): string[] {
  const bytes = Buffer.from(text, 'utf8')
  const cutter = lineCutter()
  const lines: string[] = []
  let from = 0
  for (const size of [...sizes, bytes.length]) {
    lines.push(...cutter.cut(bytes.subarray(from, from + size)))
    from += size
  }
  const rest = cutter.rest()
  return rest === undefined ? lines : [...lines, rest]
}

test('lines end at \\n, \\r and \\r\\n; an empty line is a line, the end of the input is none', () => {
  expect(cutAt('a\nb\rc\r\nd\n\ne\r\r\nf', [])).toEqual(['a', 'b', 'c', 'd', '', 'e', '', 'f'])
  expect(cutAt('', [])).toEqual([])
  expect(cutAt('\n', [])).toEqual([''])
  expect(cutAt('a\r', [])).toEqual(['a'])
})

test('the chunks in which a text comes make no difference', () => {
  const text = 'é€😀\r\nzwei\r\r\n\n\rdrei\r\n'
  const whole = cutAt(text, [])
  expect(whole).toEqual(['é€😀', 'zwei', '', '', '', 'drei'])
  const { length } = Buffer.from(text, 'utf8')
  for (let first = 0; first <= length; first++) {
    for (let second = 0; first + second <= length; second++) expect(cutAt(text, [first, second])).toEqual(whole)
  }
})
