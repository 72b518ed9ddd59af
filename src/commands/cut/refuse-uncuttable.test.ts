import { expect, test } from 'vitest'
import { refuseUncuttable } from './refuse-uncuttable.ts'

const flat = { transforms: 'unwrap', 'transforms.unwrap.type': 'io.debezium.transforms.ExtractNewRecordState' }
const outbox = { transforms: 'outbox', 'transforms.outbox.type': 'io.debezium.transforms.outbox.EventRouter' }

test('connectors whose records name their transaction are taken, in whatever form', () => {
  const kept = { ...flat, 'transforms.unwrap.add.headers': 'op,source.txId' }
  expect(() =>
    refuseUncuttable([
      { name: 'plain', config: {} },
      { name: 'flat', config: kept },
    ]),
  ).not.toThrow()
})

test('all others are named, with what is missing', () => {
  const connectors = [
    { name: 'plain', config: {} },
    { name: 'flat', config: { ...flat, 'transforms.unwrap.add.fields': 'op,source.lsn' } },
    { name: 'mail', config: outbox },
  ]
  expect(() => refuseUncuttable(connectors)).toThrow(
    expect.objectContaining({
      code: 'cut-not-possible',
      path: 'connect/flat',
      message: expect.stringMatching(
        /flat flattens its events .* keeps no source\.txId .*; mail writes outbox events \(transform outbox\)/,
      ) as string,
    }),
  )
})
