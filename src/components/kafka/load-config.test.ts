import { expect, test } from 'vitest'
import { loadConfig } from './load-config.ts'

const limits = (settings: string[] | undefined) =>
  Object.keys(loadConfig(settings && new Set(settings))).filter((name) => name.startsWith('message.timestamp.') && name.endsWith('.max.ms'))

test('a broker older than 3.6 is asked for the one timestamp limit that it knows, a newer one for both', () => {
  expect(limits(['log.message.timestamp.difference.max.ms'])).toEqual(['message.timestamp.difference.max.ms'])
  const both = ['message.timestamp.before.max.ms', 'message.timestamp.after.max.ms']
  expect(limits(['log.message.timestamp.difference.max.ms', ...both.map((name) => `log.${name}`)])).toEqual(both)
  expect(limits(undefined)).toEqual(both)
})
