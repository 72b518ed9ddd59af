import { describe, expect, test } from 'vitest'
import type { ObservedConnector, ObservedPosition, ObservedTopicConfig } from '../observers/observation.ts'
import { examplePositions, exampleRecord } from './example-observations.ts'
import { sameConnectors } from './same-connectors.ts'
import { sameGroups } from './same-groups.ts'
import { sameTopicConfigs } from './same-topic-configs.ts'

describe('topic configs', () => {
  const topic = (): ObservedTopicConfig => ({ topic: 'orders', partitions: 3, replicationFactor: 1, configs: { 'retention.ms': '-1' } })
  const spoil = (change: Partial<ObservedTopicConfig>) => sameTopicConfigs([topic()], [{ ...topic(), ...change }])

  test('equal ones pass', () => expect(spoil({})).toMatchObject({ verdict: 'pass', counts: { topics: 1, settings: 1 } }))
  test('a setting left over from the load is harm', () =>
    expect(spoil({ configs: { 'retention.ms': '-1', 'retention.bytes': '-1' } })).toMatchObject({
      verdict: 'fail',
      findings: [{ code: 'topic-config-extra' }],
    }))
  test('another value, partition count or replication is harm', () => {
    expect(spoil({ configs: { 'retention.ms': '1' } }).findings).toMatchObject([{ code: 'topic-config-changed', item: 'orders: retention.ms' }])
    expect(spoil({ partitions: 2 }).findings).toMatchObject([{ code: 'partition-count-differs' }])
    expect(spoil({ replicationFactor: 3 }).findings).toMatchObject([{ code: 'replication-differs' }])
  })
  test('a missing topic is harm, no topics unknown', () => {
    expect(sameTopicConfigs([topic()], []).findings).toMatchObject([{ code: 'topic-missing' }])
    expect(sameTopicConfigs([], []).verdict).toBe('unknown')
  })
})

describe('connectors', () => {
  const connector = (): ObservedConnector => ({
    name: 'shop',
    type: 'source',
    state: 'RUNNING',
    tasks: [{ id: 0, state: 'RUNNING' }],
    config: { 'topic.prefix': 'shop', 'database.password': 'hunter2', 'other.password': `\${file:/x:y}` },
    offsets: {},
  })
  const spoil = (change: Partial<ObservedConnector>) => sameConnectors([connector()], [{ ...connector(), ...change }], { state: 'RUNNING' })

  test('equal and running pass', () => expect(spoil({}).verdict).toBe('pass'))
  test('a changed setting is shown, a changed password never', () => {
    const result = spoil({ config: { ...connector().config, 'topic.prefix': 'other', 'database.password': 'hunter3' } })
    expect(result.findings.map((finding) => finding.code)).toEqual(['connector-config-changed', 'connector-config-changed'])
    expect(JSON.stringify(result)).not.toContain('hunter')
  })
  test('a connector that does not run, a failed task, a missing task', () => {
    expect(spoil({ state: 'STOPPED' }).findings).toMatchObject([{ code: 'connector-state' }])
    expect(spoil({ tasks: [{ id: 0, state: 'FAILED', trace: 'no slot' }] }).findings).toMatchObject([
      { code: 'task-state', message: 'is FAILED: no slot' },
    ])
    expect(spoil({ tasks: [] }).verdict).toBe('fail')
  })
  test('missing and extra connectors are harm', () => {
    expect(sameConnectors([connector()], [], { state: 'RUNNING' }).findings).toMatchObject([{ code: 'connector-missing' }])
    expect(sameConnectors([], [connector()], { state: 'RUNNING' }).findings).toMatchObject([{ code: 'connector-extra' }])
  })
})

describe('group positions', () => {
  const spoil = (change: Partial<ObservedPosition>) => {
    const [first, second] = examplePositions() as [ObservedPosition, ObservedPosition]
    return sameGroups(examplePositions(), [{ ...first, ...change }, second])
  }

  test('the same next record passes, whatever its offset', () => {
    expect(spoil({})).toMatchObject({ verdict: 'pass', counts: { groups: 1, positions: 2, sameOffsets: 2 } })
    expect(spoil({ committed: '1', next: { ...exampleRecord(2, 'c'), offset: '1' } })).toMatchObject({ verdict: 'pass', counts: { sameOffsets: 1 } })
  })
  test('one record further is harm and shows both', () => {
    const result = spoil({ committed: '3', before: 3, after: 1, next: exampleRecord(3, 'd') })
    expect(result.findings).toMatchObject([{ code: 'position-moved', item: 'billing on orders/0' }])
    expect(result.findings[0]?.message).toContain('next was value c (2 before it, 2 to come), is value d (3 before it, 1 to come)')
  })
  test('a position that was not applied, or lost its metadata, is harm', () => {
    expect(sameGroups(examplePositions(), []).findings[0]).toMatchObject({ code: 'position-missing' })
    expect(spoil({ metadata: '' }).findings).toMatchObject([{ code: 'position-metadata-differs' }])
  })
})
