import { expect, test } from 'vitest'
import type { ConnectorState } from '../../components/connect/inventory.ts'
import type { Ownership } from '../../components/connect/ownership.ts'
import type { Sources } from './sources.ts'
import { unheld } from './take-point.ts'

/** Connectors in these states, the first of them this server's, with its slot or without. */
function sources(states: string[], { slots = ['shop_slot'], others = [] as [string, Ownership][] } = {}): Sources {
  const connectors = states.map((state, index): ConnectorState => ({ name: `shop${index}`, state, config: { 'slot.name': 'shop_slot' } }))
  const owners = new Map<string, Ownership>([...connectors.map(({ name }): [string, Ownership] => [name, { owned: true }]), ...others])
  const looked = { connect: { connectors }, postgres: { allSlots: slots.map((name) => ({ name })) }, owners }
  return looked as unknown as Sources
}

const codes = (found: Sources) => unheld(found).map(({ severity, code, item }) => `${severity} ${code} ${item}`)

test('a connector that runs, with its slot, is held', () => {
  expect(codes(sources(['RUNNING']))).toEqual([])
})

test.each(['PAUSED', 'STOPPED', 'FAILED'])('a connector that is %s is harm: its changes are in no topic', (state) => {
  expect(codes(sources(['RUNNING', state]))).toEqual(['harm connector-not-running shop1'])
})

test('one that has lost its slot is harm, and one of another server by guess a warning', () => {
  expect(codes(sources(['RUNNING'], { slots: [] }))).toEqual(['harm slot-missing shop0'])
  const guessed: [string, Ownership] = ['theirs', { owned: false, declared: false, reason: 'no slot' }]
  const declared: [string, Ownership] = ['named', { owned: false, declared: true, reason: 'connect.otherServers' }]
  expect(codes(sources(['RUNNING'], { others: [guessed, declared] }))).toEqual(['warning connector-of-another-server theirs'])
})
