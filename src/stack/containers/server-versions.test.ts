import { expect, test } from 'vitest'
import { confluentVersion, serverVersions } from './server-versions.ts'

test('what was not asked for is the newest', () => {
  expect(serverVersions()).toEqual({ postgres: '17', kafka: '4.3.1', connect: '4.3.1', debezium: '3.6.0.Final' })
})

test('an old Debezium brings an old worker, whatever the broker is: a worker that can stop connectors and write their offsets', () => {
  expect(serverVersions({ kafka: '3.4.1', debezium: '2.7.4.Final' })).toMatchObject({ kafka: '3.4.1', connect: '3.7.2' })
})

test.each([{ postgres: 'seventeen' }, { kafka: '4.3' }, { debezium: '3.6' }])('what is no version is refused: %j', (wanted) => {
  expect(() => serverVersions(wanted)).toThrow(/not a version of/)
})

test('tags of Confluent images follow their Kafka', () => {
  expect(['3.4.0', '3.9.2', '4.3.1'].map(confluentVersion)).toEqual(['7.4.0', '7.9.2', '8.3.1'])
})
