import { expect, test } from 'vitest'
import { undoKey } from './undo-key.ts'

const row = Buffer.from('row')
const touched = (firstOp: string, lastOp: string) => ({ firstOp, lastOp, lastXid: 9n, lastRow: lastOp === 'd' && firstOp === 'd' ? undefined : row })

test('a row that was there at the cut comes once more, whatever phantoms did to it', () => {
  const before = { row: Buffer.from('at the cut') }
  for (const ops of ['uu', 'dd', 'ud', 'dc'])
    expect(undoKey(touched(ops.charAt(0), ops.charAt(1)), before)).toEqual({ undo: 'again', value: before.row })
})

test('a row that was not there is deleted, unless phantoms did so themselves', () => {
  expect(undoKey(touched('c', 'c'), 'absent')).toEqual({ undo: 'delete', row })
  expect(undoKey(touched('c', 'u'), 'unknown')).toEqual({ undo: 'delete', row })
  expect(undoKey(touched('c', 'd'), 'absent')).toEqual({ undo: 'nothing' })
  expect(undoKey(touched('c', 'd'), 'unknown')).toEqual({ undo: 'nothing' })
})

test('a row that phantoms found and no record tells of is not guessed', () => {
  expect(undoKey(touched('u', 'u'), 'unknown')).toEqual({ undo: 'unknown' })
  expect(undoKey(touched('d', 'd'), 'unknown')).toEqual({ undo: 'unknown' })
  expect(undoKey(touched('r', 'r'), 'unknown')).toEqual({ undo: 'unknown' })
})
