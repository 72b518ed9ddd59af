import { describe, expect, test } from 'vitest'
import type { LedgerObservation, ObservedEvent } from '../observers/observation.ts'
import type { LedgerTransaction } from '../workloads/ledger-history.ts'
import { exampleLedger } from './example-observations.ts'
import { ledgerInvariant } from './ledger-invariant.ts'
import { materialise, materialised } from './materialised.ts'
import { oneCut } from './one-cut.ts'
import { wholeInTopics, wholeTransactions } from './whole-transactions.ts'
import { withoutRedelivery } from './without-redelivery.ts'

describe('whole transactions', () => {
  /** Transfers 2 and 3 are of one transaction, of which a savepoint took 4 back. */
  function spoil(change: (history: LedgerTransaction[], ledger: LedgerObservation) => void) {
    const { history } = exampleLedger(4)
    const { ledger } = exampleLedger(3)
    for (const one of history.slice(1)) Object.assign(one, { tx: '1/2', shape: 'savepoints' })
    Object.assign(history[3] as LedgerTransaction, { outcome: 'fail' })
    change(history, ledger)
    return wholeTransactions(history, ledger)
  }
  test('all or nothing passes', () => {
    expect(spoil(() => {})).toMatchObject({ verdict: 'pass', counts: { transactions: 2, savepoints: 1 } })
    expect(spoil((_history, ledger) => ledger.transfers.splice(1, 2)).verdict).toBe('pass')
  })
  test('a part of a transaction is torn', () => {
    expect(spoil((_history, ledger) => ledger.transfers.pop()).findings).toMatchObject([
      { code: 'transaction-torn', item: 'ledger transaction 1/2', message: '1 of its 2 transfers are there' },
    ])
  })
  test('what a savepoint took back must not be there', () => {
    const result = spoil((_history, ledger) => ledger.transfers.push({ seq: '4', epoch: 1, debtor: 1, creditor: 2, amount: '10' }))
    expect(result.findings).toMatchObject([{ code: 'failed-commit-there', item: 'ledger transfer 1/4' }])
  })
  test('no history is unknown', () => expect(wholeTransactions([], exampleLedger().ledger).verdict).toBe('unknown'))
})

describe('whole in topics', () => {
  const without = (table: string) => {
    const { events } = exampleLedger()
    const index = events.findLastIndex((event) => event.table === table)
    return wholeInTopics(events.filter((_, at) => at !== index))
  }
  test('whole transactions pass, redelivered or not', () => {
    const { events } = exampleLedger()
    expect(wholeInTopics(events)).toMatchObject({ verdict: 'pass', counts: { transactions: 1, transfers: 3 } })
    expect(wholeInTopics([...events, ...events]).verdict).toBe('pass')
  })
  test.each(['ledger_transfer', 'ledger_entry', 'ledger_account'])('an event of %s that is cut off tears its transaction', (table) => {
    expect(without(table)).toMatchObject({ verdict: 'fail', findings: [{ code: 'transaction-torn', item: 'transaction 1' }] })
  })
  test('nothing streamed is unknown', () => expect(wholeInTopics([]).verdict).toBe('unknown'))
})

describe('materialised', () => {
  const spoil = (change: (events: ObservedEvent[], ledger: LedgerObservation) => void) => {
    const { events, ledger } = exampleLedger()
    change(events, ledger)
    return materialised(events, ledger)
  }
  test('topics that give the tables pass, and hold the invariant', () => {
    expect(spoil(() => {})).toMatchObject({ verdict: 'pass', counts: { rows: 11 } })
    expect(ledgerInvariant(materialise(exampleLedger().events), { balance: 100 }).verdict).toBe('pass')
  })
  test('a row that only the table has, only the topics have, or that differs', () => {
    const last = (events: ObservedEvent[], table: string) => events.findLastIndex((event) => event.table === table)
    expect(spoil((events) => events.splice(last(events, 'ledger_transfer'), 1)).findings).toMatchObject([{ code: 'row-not-in-topics' }])
    expect(spoil((_events, ledger) => ledger.transfers.pop()).findings).toMatchObject([{ code: 'row-in-topics-alone', item: 'ledger_transfer 3' }])
    expect(spoil((events) => events.splice(last(events, 'ledger_account'), 1)).findings).toMatchObject([{ code: 'row-differs-in-topics' }])
  })
  test('a delete takes the row away', () => {
    const result = spoil((events) => {
      const gone = events.findLast(({ table }) => table === 'ledger_transfer') as ObservedEvent
      events.push({ ...gone, op: 'd', after: null })
    })
    expect(result.findings).toMatchObject([{ code: 'row-not-in-topics', item: 'ledger_transfer 3' }])
  })
})

describe('one cut', () => {
  test('both stores at one cut: what is lost is counted, and no skew', () => {
    const { history } = exampleLedger(5)
    const { ledger, events } = exampleLedger(3)
    expect(oneCut(history, ledger, events)).toMatchObject({ verdict: 'pass', counts: { lostInPostgres: 2, lostInTopics: 2, skew: 0 } })
  })
  test('topics ahead of PostgreSQL hold phantoms', () => {
    const { history, events } = exampleLedger(4)
    const result = oneCut(history, exampleLedger(3).ledger, events)
    expect(result).toMatchObject({ verdict: 'fail', counts: { skew: 1 }, findings: [{ code: 'phantom-event', item: 'ledger transfer 1/4' }] })
  })
  test('topics behind PostgreSQL lack events', () => {
    const { history, ledger } = exampleLedger(4)
    expect(oneCut(history, ledger, exampleLedger(3).events).findings).toMatchObject([{ code: 'event-missing', item: 'ledger transfer 1/4' }])
  })
})

test('what came again exactly as it was is taken out and counted; a change of the same row is not', () => {
  const { events } = exampleLedger()
  const numbered = events.map((event, index) => ({ ...event, lsn: String(index) }))
  expect(withoutRedelivery([...numbered, ...numbered.slice(3)])).toEqual({ events: numbered, redelivered: events.length - 3 })
})
