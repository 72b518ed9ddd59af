import type {
  LedgerObservation,
  ObservedEvent,
  ObservedPosition,
  ObservedRecord,
  ObservedRow,
  ObservedTopic,
  PostgresObservation,
  RegistryObservation,
} from '../observers/observation.ts'
import type { LedgerTransaction } from '../workloads/ledger-history.ts'

/** Small good observations for the checkers' tests, made anew by every call: a test spoils one thing in its own copy. */
export function exampleRows(...texts: string[]): ObservedRow[] {
  return texts.sort().map((text) => ({ hash: `hash of ${text}`, text }))
}

export function examplePostgres(): PostgresObservation {
  const table = (name: string, ...texts: string[]) => ({
    name,
    kind: 'table' as const,
    unlogged: false,
    rows: exampleRows(...texts),
    hash: texts.join(),
  })
  return {
    database: 'shop',
    tables: [table('shop.customer', '(1,Ada)', '(2,Zoë)', '(2,Zoë)'), table('shop.empty_shelf')],
    definitions: { 'view shop.totals': 'SELECT 1', 'column shop.customer.id': '1 integer' },
    sequences: [{ name: 'shop.ticket', lastValue: '100', increment: '10' }],
    largeObjects: [{ oid: '42', bytes: '3', hash: 'abcdef' }],
  }
}

export function exampleRecord(offset: number, value: string): ObservedRecord {
  return { offset: String(offset), timestamp: String(1_000 + offset), key: 'k', value, headers: 'h', shown: `value ${value}` }
}

export function exampleTopics(): ObservedTopic[] {
  const records = ['a', 'b', 'c', 'd'].map((value, index) => exampleRecord(index, value))
  return [{ topic: 'orders', partitions: [{ partition: 0, start: '0', end: '4', records }] }]
}

export function exampleRegistry(): RegistryObservation {
  const schema = (subject: string, version: number, id: number, deleted = false) => ({
    subject,
    version,
    id,
    schemaType: 'AVRO',
    schema: `"schema ${id}"`,
    references: version === 2 ? [{ name: 'Address', subject: 'address', version: 1 }] : [],
    deleted,
  })
  return {
    schemas: [schema('orders', 1, 1), schema('orders', 2, 7), schema('old', 1, 3, true)],
    compatibility: { orders: 'FULL' },
    modes: { '': 'READWRITE' },
  }
}

export function examplePositions(): ObservedPosition[] {
  const position = { group: 'billing', topic: 'orders', partition: 0, metadata: 'm' }
  return [
    { ...position, committed: '2', before: 2, after: 2, next: exampleRecord(2, 'c') },
    { ...position, partition: 1, committed: '9', before: 9, after: 0, next: null },
  ]
}

/** Transfers 1…3, each of 10 from account 1 to account 2, which began with 100. Commit n lies between 0/n00 and 0/n80. */
export function exampleLedger(transfers = 3): { history: LedgerTransaction[]; ledger: LedgerObservation; events: ObservedEvent[] } {
  const seqs = Array.from({ length: transfers }, (_unused, index) => String(index + 1))
  const transfer = { epoch: 1, debtor: 1, creditor: 2, amount: '10' }
  const ledger: LedgerObservation = {
    transfers: seqs.map((seq) => ({ seq, ...transfer })),
    entries: seqs.flatMap((seq) => [
      { seq, side: 'credit', account: 2, amount: '10' },
      { seq, side: 'debit', account: 1, amount: '-10' },
    ]),
    accounts: [
      { id: 1, balance: String(100 - 10 * transfers), version: String(transfers) },
      { id: 2, balance: String(100 + 10 * transfers), version: String(transfers) },
    ],
  }
  const history = seqs.map((seq): LedgerTransaction => {
    const place = { lsnBefore: `0/${seq}00`, lsnAfter: `0/${seq}80` }
    return { ...transfer, seq, invokedAt: 't', outcome: 'ok', endedAt: 't', xid: seq, ...place }
  })
  let offset = 0
  const event = (table: string, key: Record<string, string>, op: ObservedEvent['op'], after: Record<string, string>): ObservedEvent => ({
    table,
    partition: 0,
    offset: String(offset++),
    key,
    op,
    after,
    txId: '1',
    lsn: '1',
    snapshot: op === 'r' ? 'true' : 'false',
  })
  const events = [
    ...['1', '2'].map((id) => event('ledger_account', { id }, 'r', { id, balance: '100', version: '0' })),
    ...seqs.flatMap((seq) => {
      const moved = 10 * Number(seq)
      return [
        event('ledger_account', { id: '1' }, 'u', { id: '1', balance: String(100 - moved), version: seq }),
        event('ledger_account', { id: '2' }, 'u', { id: '2', balance: String(100 + moved), version: seq }),
        event('ledger_transfer', { seq }, 'c', { seq, epoch: '1', debtor: '1', creditor: '2', amount: '10' }),
        event('ledger_entry', { seq, side: 'debit' }, 'c', { seq, side: 'debit', account: '1', amount: '-10' }),
        event('ledger_entry', { seq, side: 'credit' }, 'c', { seq, side: 'credit', account: '2', amount: '10' }),
      ]
    }),
  ]
  return { history, ledger, events }
}
