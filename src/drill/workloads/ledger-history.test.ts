import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { foldHistory, HistoryFile, type HistoryLine } from './ledger-history.ts'

const invoke = (seq: string, epoch = 1): HistoryLine => ({ type: 'invoke', epoch, seq, debtor: 1, creditor: 2, amount: '5', at: 't0' })
const text = (...lines: HistoryLine[]) => lines.map((line) => `${JSON.stringify(line)}\n`).join('')

test('an invocation without an end is of unknown outcome', () => {
  const history = foldHistory(
    text(invoke('1'), invoke('2'), { type: 'ok', epoch: 1, seq: '1', at: 't1', xid: '7', lsnBefore: '0/1', lsnAfter: '0/2' }),
  )
  expect(history.map(({ seq, outcome, xid, lsnAfter }) => ({ seq, outcome, xid, lsnAfter }))).toEqual([
    { seq: '1', outcome: 'ok', xid: '7', lsnAfter: '0/2' },
    { seq: '2', outcome: 'info', xid: undefined, lsnAfter: undefined },
  ])
})

test('a sequence used again in another epoch is another transaction', () => {
  const history = foldHistory(
    text(invoke('1', 1), { type: 'ok', epoch: 1, seq: '1', at: 't' }, invoke('1', 2), { type: 'fail', epoch: 2, seq: '1', at: 't' }),
  )
  expect(history.map(({ epoch, outcome }) => `${epoch} ${outcome}`)).toEqual(['1 ok', '2 fail'])
})

test('a torn last line is left out, a torn line before it is an error', () => {
  expect(foldHistory(`${text(invoke('1'))}{"type":"ok","ep`)).toHaveLength(1)
  expect(() => foldHistory(`{"type":"ok","ep\n${text(invoke('1'))}`)).toThrow()
})

test('an end without its invocation is an error', () => {
  expect(() => foldHistory(text({ type: 'ok', epoch: 1, seq: '1', at: 't' }))).toThrow('line 1: transaction 1/1 ends but was never invoked')
})

test('a line is in the file before write returns, and a second writer appends', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'history-'))
  try {
    const path = join(directory, 'ledger.jsonl')
    using first = new HistoryFile(path)
    first.write(invoke('1'))
    expect(foldHistory(await readFile(path, 'utf8'))).toHaveLength(1)
    using second = new HistoryFile(path)
    second.write(invoke('2'))
    expect(foldHistory(await readFile(path, 'utf8'))).toHaveLength(2)
  } finally {
    await rm(directory, { recursive: true })
  }
})
