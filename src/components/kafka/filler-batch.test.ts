import { expect, test } from 'vitest'
import { checkBatchCrc, isDense, parseBatchHeader } from '../../clients/kafka/record-batch.ts'
import { readRecords } from '../../clients/kafka/records.ts'
import { fillerBatch } from './filler-batch.ts'

test.each([1, 2, 63, 64, 65, 10_000])('%d records of nothing are a whole batch with every offset', (count) => {
  const batch = fillerBatch(count)
  const header = parseBatchHeader(batch)
  checkBatchCrc(batch, header)
  expect(isDense(header)).toBe(true)
  const records = [...readRecords(batch, header)]
  expect(records.map(({ offset }) => offset)).toEqual([...Array(count).keys()].map(BigInt))
  expect(records.every(({ key, value, headers, timestamp }) => key === null && value === null && headers.length === 0 && timestamp === 0n)).toBe(true)
})

test('ten thousand offsets take less than ten kilobytes', () => {
  expect(fillerBatch(10_000).length).toBeLessThan(10_000)
})
