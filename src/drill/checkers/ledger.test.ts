import { describe, expect, test } from 'vitest'
import type { LedgerObservation, ObservedEvent } from '../observers/observation.ts'
import type { LedgerTransaction } from '../workloads/ledger-history.ts'
import { exampleLedger } from './example-observations.ts'
import { ledgerEvents } from './ledger-events.ts'
import { ledgerInvariant } from './ledger-invariant.ts'
import { ledgerPrefix } from './ledger-prefix.ts'

describe('ledger prefix', () => {
  /** Five transactions were acknowledged; the database was cut after the third. */
  function cutAfterThree(change: (history: LedgerTransaction[], ledger: LedgerObservation) => void = () => {}, lsn = '0/380') {
    const { history } = exampleLedger(5)
    const { ledger } = exampleLedger(3)
    change(history, ledger)
    return ledgerPrefix(history, ledger, { lsn })
  }

  test('exactly what was committed by L passes', () => {
    expect(cutAfterThree()).toMatchObject({ verdict: 'pass', counts: { acknowledged: 5, kept: 3, cutOff: 2 }, findings: [] })
  })
  test('a commit that ended at or before L and is not there is lost', () => {
    expect(cutAfterThree(undefined, '0/480')).toMatchObject({ verdict: 'fail', findings: [{ code: 'commit-lost', item: 'ledger transaction 1/4' }] })
  })
  test('a commit that began at or after L and is there is one too many', () => {
    expect(cutAfterThree(undefined, '0/300')).toMatchObject({
      verdict: 'fail',
      findings: [{ code: 'commit-after-cut', item: 'ledger transaction 1/3' }],
    })
  })
  test('a commit between is missing while a later one is there: not a prefix', () => {
    // LSNs between begin and end say nothing about L = 0/200, but the order does.
    const result = cutAfterThree((_history, ledger) => ledger.transfers.splice(1, 1), '0/17F')
    expect(result.findings.map((finding) => finding.code)).toContain('not-a-prefix')
  })
  test('an unknown outcome may be either', () => {
    const unknown = (index: number) => (history: LedgerTransaction[]) => {
      const one = history[index] as LedgerTransaction
      one.outcome = 'info'
      delete one.lsnAfter
    }
    expect(cutAfterThree(unknown(2))).toMatchObject({ verdict: 'pass', counts: { unknown: 1, unknownKept: 1 } })
    expect(cutAfterThree(unknown(3))).toMatchObject({ verdict: 'pass', counts: { unknown: 1, unknownKept: 0 } })
  })
  test('a transaction that failed, one nobody wrote, one with other values', () => {
    expect(cutAfterThree((history) => ((history[0] as LedgerTransaction).outcome = 'fail')).findings).toMatchObject([{ code: 'failed-commit-there' }])
    expect(cutAfterThree((history) => history.shift()).findings).toMatchObject([{ code: 'commit-from-nowhere' }])
    expect(
      cutAfterThree((_history, ledger) => ((ledger.transfers[0] as LedgerObservation['transfers'][number]).amount = '11')).findings,
    ).toMatchObject([{ code: 'commit-changed' }])
  })
  test('an empty database is unknown when nothing should be there, and a fail otherwise', () => {
    const none = { transfers: [], entries: [], accounts: [] }
    expect(ledgerPrefix([], none, { lsn: '0/0' }).verdict).toBe('unknown')
    expect(ledgerPrefix(exampleLedger(1).history, none, { lsn: '0/FFF' }).verdict).toBe('fail')
  })
})

describe('ledger events', () => {
  function spoil(change: (events: ObservedEvent[], ledger: LedgerObservation) => void) {
    const { events, ledger } = exampleLedger()
    change(events, ledger)
    return ledgerEvents(events, ledger)
  }
  const at = (events: ObservedEvent[], table: string, op: string) => events.findIndex((event) => event.table === table && event.op === op)

  test('events that are exactly the ledger pass', () => {
    expect(spoil(() => {})).toMatchObject({
      verdict: 'pass',
      findings: [],
      counts: { transfers: 3, entries: 6, accounts: 2, events: 17, snapshotEvents: 2 },
    })
  })
  test.each(['ledger_transfer', 'ledger_entry'])('a dropped event of %s is missing', (table) => {
    expect(spoil((events) => events.splice(at(events, table, 'c'), 1))).toMatchObject({ verdict: 'fail', findings: [{ code: 'event-missing' }] })
  })
  test.each(['ledger_transfer', 'ledger_entry'])('an event of %s twice is doubled', (table) => {
    const result = spoil((events) => events.push({ ...(events[at(events, table, 'c')] as ObservedEvent), offset: '99' }))
    expect(result).toMatchObject({ verdict: 'fail', findings: [{ code: 'event-doubled' }] })
  })
  test('a snapshot event beside the streamed one is doubled too', () => {
    const result = spoil((events) => events.push({ ...(events[at(events, 'ledger_transfer', 'c')] as ObservedEvent), op: 'r', snapshot: 'true' }))
    expect(result.findings).toMatchObject([{ code: 'event-doubled' }])
  })
  test('an account that skips, repeats or turns back a version', () => {
    const update = (events: ObservedEvent[]) => at(events, 'ledger_account', 'u')
    expect(spoil((events) => events.splice(update(events), 1)).findings).toMatchObject([{ code: 'event-missing', item: 'ledger_account 1' }])
    expect(spoil((events) => events.splice(update(events), 0, events[update(events)] as ObservedEvent)).findings).toMatchObject([
      { code: 'event-doubled' },
    ])
    const swapped = spoil((events) => {
      const [first, second] = [7, 12] as const
      ;[events[first], events[second]] = [events[second] as ObservedEvent, events[first] as ObservedEvent]
    })
    expect(swapped.findings.map((finding) => finding.code)).toContain('event-reordered')
  })
  test('the last update missing is noticed against the table', () => {
    const result = spoil((events) =>
      events.splice(
        events.findLastIndex((event) => event.table === 'ledger_account' && event.key.id === '2'),
        1,
      ),
    )
    expect(result.findings).toMatchObject([{ code: 'event-missing', item: 'ledger_account 2' }])
  })
  test('an event of a transaction that never happened', () => {
    const result = spoil((events) => {
      const transfer = events[at(events, 'ledger_transfer', 'c')] as ObservedEvent
      events.push({ ...transfer, key: { seq: '9' }, after: { ...transfer.after, seq: '9' } })
    })
    expect(result).toMatchObject({ verdict: 'fail', findings: [{ code: 'event-of-nothing', item: 'ledger_transfer 9' }] })
  })
  test('an event of the lost epoch under a sequence that was used again', () => {
    const result = spoil((_events, ledger) => ((ledger.transfers[2] as LedgerObservation['transfers'][number]).epoch = 2))
    expect(result.findings).toMatchObject([{ code: 'event-differs', item: 'ledger_transfer 3' }])
    expect(result.findings[0]?.message).toContain('epoch is 2 in the table, 1 in the event')
  })
  test('a delete or a tombstone where nothing was deleted', () => {
    const result = spoil((events) => ((events[at(events, 'ledger_transfer', 'c')] as ObservedEvent).op = null))
    expect(result.findings).toMatchObject([{ code: 'event-unexpected' }])
  })
  test('one account in two partitions has lost its order', () => {
    const result = spoil((events) => ((events.findLast(({ table }) => table === 'ledger_account') as ObservedEvent).partition = 1))
    expect(result).toMatchObject({ verdict: 'fail', findings: [{ code: 'key-in-two-partitions', item: 'ledger_account 2' }] })
  })
  test('since a baseline: what was there before has no event, and versions go on', () => {
    const { events, ledger } = exampleLedger(4)
    const baseline = exampleLedger(3).ledger
    const since = events.slice(17)
    expect(ledgerEvents(since, ledger, baseline)).toMatchObject({ verdict: 'pass', counts: { transfers: 1, entries: 2 } })
    expect(ledgerEvents(since.slice(1), ledger, baseline).findings).toMatchObject([{ code: 'event-missing', item: 'ledger_account 1' }])
    expect(ledgerEvents(events.slice(12), ledger, baseline).findings.map(({ code }) => code)).toEqual(
      expect.arrayContaining(['event-of-nothing', 'event-doubled']),
    )
    expect(ledgerEvents([], baseline, baseline).findings.filter(({ severity }) => severity === 'harm')).toEqual([])
  })
  test('no events and no ledger are unknown', () => {
    expect(ledgerEvents([], { transfers: [], entries: [], accounts: [] }).verdict).toBe('unknown')
  })
})

describe('ledger invariant', () => {
  const spoil = (change: (ledger: LedgerObservation) => void) => {
    const { ledger } = exampleLedger()
    change(ledger)
    return ledgerInvariant(ledger, { balance: 100 })
  }
  test('whole transactions pass', () => expect(spoil(() => {})).toMatchObject({ verdict: 'pass', counts: { transfers: 3, entries: 6, accounts: 2 } }))
  test('half a transaction is torn and the balance wrong', () => {
    expect(spoil((ledger) => ledger.entries.shift()).findings.map((finding) => finding.code)).toEqual(['transaction-torn', 'balance-wrong'])
  })
  test('money that appears', () => {
    const result = spoil((ledger) => ((ledger.accounts[0] as LedgerObservation['accounts'][number]).balance = '71'))
    expect(result.findings.map((finding) => finding.code)).toEqual(['balance-wrong', 'sum-changed'])
  })
  test('entries without their transfer', () =>
    expect(spoil((ledger) => ledger.transfers.pop()).findings).toMatchObject([{ code: 'transaction-torn' }]))
})
