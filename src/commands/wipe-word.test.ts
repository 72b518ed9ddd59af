import { expect, test } from 'vitest'
import type { TargetIdentity } from '../components/component.ts'
import { wipeWord } from './wipe-word.ts'

const target = (component: TargetIdentity['component'], identity: string): TargetIdentity => ({ component, identity, empty: false, contents: [] })
const kafka = target('kafka', '5L6g3nShT-eMCtK--X86sw')
const postgres = target('postgres', '7412345678901234567')
const connect = target('connect', '5L6g3nShT-eMCtK--X86sw at http://connect:8083')

test('the word of one target is its identity', () => {
  expect(wipeWord([postgres])).toBe('7412345678901234567')
})

test('the word of several names them all, and is one word whatever their identities are', () => {
  expect(wipeWord([kafka, postgres, connect])).toMatch(/^connect-[0-9a-f]{8}\.kafka-[0-9a-f]{8}\.postgres-[0-9a-f]{8}$/)
  expect(wipeWord([connect, postgres, kafka])).toBe(wipeWord([kafka, postgres, connect]))
})

test('another server in any place, or one server less, is another word', () => {
  const all = [kafka, postgres, connect]
  const words = [
    all,
    [kafka, target('postgres', '7412345678901234568'), connect],
    [kafka, postgres, target('connect', '5L6g3nShT-eMCtK--X86sw at http://other:8083')],
    [target('kafka', '5L6g3nShT-eMCtK--X86sx'), postgres, connect],
    [kafka, postgres],
    [kafka],
  ].map(wipeWord)
  expect(new Set(words).size).toBe(words.length)
})
