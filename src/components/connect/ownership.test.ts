import { expect, test } from 'vitest'
import { type Candidate, ownerships, type ServerOfConnectors } from './ownership.ts'

const server: ServerOfConnectors = {
  slots: [
    { name: 'debezium', database: 'shop', confirmedFlushLsn: 1000n },
    { name: 'billing', database: 'bills', confirmedFlushLsn: 1100n },
  ],
  flushLsn: 1200n,
}

function connector(name: string, { slot, database = 'shop', ...known }: Partial<Candidate> & { slot?: string; database?: string } = {}): Candidate {
  const config = {
    'database.hostname': `${name}-db`,
    'database.dbname': database,
    ...(slot === undefined ? {} : { 'slot.name': slot }),
    ...known.config,
  }
  return { name, sameAddress: false, declaredOther: false, lsn: 1150n, ...known, config }
}

const ownersOf = (...candidates: Candidate[]) => [...ownerships(candidates, server).values()].map(({ owned }) => owned)
const reasonOf = (...candidates: Candidate[]) => {
  const [first] = ownerships(candidates, server).values()
  return first !== undefined && 'reason' in first ? first.reason : undefined
}

test('a connector that leads to the server by its address is its own, whatever else: a lost slot and an offset ahead must be seen', () => {
  expect(ownersOf(connector('a', { sameAddress: true }))).toEqual([true])
  expect(ownersOf(connector('a', { sameAddress: true, slot: 'lost' }))).toEqual([true])
  expect(ownersOf(connector('a', { sameAddress: true, lsn: 5000n }))).toEqual([true])
})

test('under another host name it is when its slot is here and its offset lies between the slot and the end of the WAL', () => {
  expect(ownersOf(connector('a'))).toEqual([true])
  expect(ownersOf(connector('a', { lsn: 1000n }))).toEqual([true])
  expect(ownersOf(connector('a', { lsn: undefined }))).toEqual([true])
})

test.each<[string, Candidate, string]>([
  ['a slot that is not here', connector('a', { slot: 'elsewhere' }), 'it reads a-db:5432/shop, and there is no slot elsewhere here'],
  ['the same slot of another database', connector('a', { database: 'app' }), 'slot debezium here is one of database shop'],
  ['an offset beyond the WAL', connector('a', { lsn: 1201n }), "beyond this server's WAL"],
  ['an offset before what the slot has confirmed', connector('a', { lsn: 999n }), 'before what slot debezium here has confirmed'],
  ['a word in datapipe.yaml', connector('a', { declaredOther: true, sameAddress: true }), 'connect.otherServers'],
])("%s: it is another server's", (_title, candidate, reason) => {
  expect(ownersOf(candidate)).toEqual([false])
  expect(reasonOf(candidate)).toContain(reason)
})

test('an offset before its slot proves nothing where Debezium does not move the slot itself', () => {
  expect(ownersOf(connector('a', { lsn: 999n, config: { 'lsn.flush.mode': 'connector_and_driver' } }))).toEqual([true])
  expect(ownersOf(connector('a', { lsn: 999n, config: { 'flush.lsn.source': 'false' } }))).toEqual([true])
})

test('of two with the default slot the one at this address is its own, the other is not', () => {
  expect(ownersOf(connector('a'), connector('b', { sameAddress: true }))).toEqual([false, true])
  expect(reasonOf(connector('a'), connector('b', { sameAddress: true }))).toContain('that of connector b')
})

test('of two that could both read one slot nobody knows which does', () => {
  expect(ownersOf(connector('a'), connector('b'))).toEqual(['unknown', 'unknown'])
  expect(ownersOf(connector('a'), connector('b', { lsn: 1n }))).toEqual([true, false])
  expect(ownersOf(connector('a'), connector('b', { slot: 'billing', database: 'bills' }))).toEqual([true, true])
})
