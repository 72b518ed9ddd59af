import { expect, test } from 'vitest'
import { refuseActive } from './guard-slot.ts'

const live = (name: string, active: boolean) => ({ name, active, database: 'shop', plugin: 'pgoutput', confirmed: 1n, lost: false })

test('a slot that somebody reads is not made anew; others do not matter', () => {
  expect(() => refuseActive('shop', [live('other', true), live('shop', false)])).not.toThrow()
  expect(() => refuseActive('shop', [live('other', true)])).not.toThrow()
  expect(() => refuseActive('shop', [live('shop', true)])).toThrow(
    expect.objectContaining({ code: 'slot-problem', path: 'postgres/slots/shop' }) as Error,
  )
})
