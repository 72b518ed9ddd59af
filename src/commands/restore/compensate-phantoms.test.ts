import { expect, test } from 'vitest'
import { notUndone } from './compensate-phantoms.ts'

test('what nothing undoes is harm: keys of which nobody knows, and changes without a key', () => {
  expect(notUndone({ topic: 'shop.item', keyless: 2 }, ['no record', 'no record', 'no schema'])).toMatchObject({
    severity: 'harm',
    code: 'phantoms-not-undone',
    item: 'shop.item',
    message: expect.stringContaining('3 keys: no record; no schema, and 2 changes without a key') as string,
  })
})
