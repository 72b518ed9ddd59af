import { expect, test } from 'vitest'
import { DatapipeError } from '../../base/errors.ts'
import { tellRefusals } from './tell-refusals.ts'

const occupied = new DatapipeError('target-not-empty', 'topic orders has records', { path: 'kafka/topics', hint: 'delete it' })

test('a restore is ended by the first refusal', async () => {
  const refusals = tellRefusals(false)
  await expect(refusals.look('kafka', Promise.reject(occupied), [])).rejects.toBe(occupied)
  expect(refusals.findings).toEqual([])
})

test('a dry run tells of every refusal and goes on; what no emptying helps ends it all the same', async () => {
  const refusals = tellRefusals(true)
  expect(await refusals.look('kafka', Promise.reject(occupied), 'otherwise')).toBe('otherwise')
  refusals.refuse('postgres', new DatapipeError('target-not-empty', 'a server runs'))
  expect(refusals.findings).toEqual([
    {
      severity: 'harm',
      code: 'would-refuse',
      component: 'kafka',
      item: 'kafka/topics',
      message: 'a restore would be refused: topic orders has records',
      next: 'delete it',
    },
    expect.objectContaining({ component: 'postgres', item: 'postgres', message: 'a restore would be refused: a server runs' }),
  ])
  const missing = new DatapipeError('wal-gap', 'a segment is missing')
  await expect(refusals.look('postgres', Promise.reject(missing), undefined)).rejects.toBe(missing)
})
