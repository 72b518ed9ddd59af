import { describe, expect, test } from 'vitest'
import { compareWithTopic } from './compare-topic.ts'
import { type SchemasTopicRecord, snapshotOfSchemasTopic } from './schemas-topic.ts'
import { capturedTopic, type Flavour } from './stand-in-captured.ts'

const flavours: Flavour[] = ['7.6', '8.3']

/** The topic with the value of one record, of subject `meta`, changed; without a change: without it. */
function spoilt(records: SchemasTopicRecord[], change?: (value: Record<string, unknown>) => void): SchemasTopicRecord[] {
  const at = records.findLastIndex(({ key, value }) => value !== null && key?.includes('"keytype":"SCHEMA"') && JSON.parse(key).subject === 'meta')
  const value = JSON.parse(records[at]?.value ?? '') as Record<string, unknown>
  change?.(value)
  return change === undefined ? records.toSpliced(at, 1) : records.with(at, { key: records[at]?.key ?? '', value: JSON.stringify(value) })
}

describe.each(flavours)('the topic of a real registry %s', (flavour) => {
  test('agrees with what the registry says, also when that has got more since', async () => {
    const records = await capturedTopic(flavour)
    const rest = snapshotOfSchemasTopic(records, { kind: 'confluent', version: flavour })
    expect(compareWithTopic(rest, records)).toEqual([])
    const [any] = rest.versions
    if (any === undefined) throw new Error('no version')
    const later = [
      { ...any, subject: 'later', version: '1', id: 99_999 },
      { ...any, subject: 'same again', version: '1' },
    ]
    expect(compareWithTopic({ ...rest, versions: [...rest.versions, ...later] }, records)).toEqual([])
  })

  test('of another registry does not', async () => {
    const records = await capturedTopic(flavour)
    const rest = snapshotOfSchemasTopic(records, { kind: 'confluent', version: flavour })
    const of = (changed: SchemasTopicRecord[]) =>
      compareWithTopic(rest, changed).map(({ severity, code, item, message }) => `${severity} ${code} ${item}: ${message}`)
    const moved = spoilt(records, (value) => {
      value.id = 77_777
    })
    expect(of(moved)).toEqual([expect.stringMatching(/^harm registry-differs meta\/\d+: has id \d+ in the registry, 77777 in its topic$/)])
    const rewritten = spoilt(records, (value) => {
      value.schema = '"bytes"'
    })
    expect(of(rewritten)).toEqual([expect.stringMatching(/^harm registry-differs meta\/\d+: id \d+ is another schema in the registry/)])
    expect(of(spoilt(records))).toEqual([
      expect.stringMatching(/^harm registry-differs meta\/\d+: is in the registry with id \d+, not in its topic$/),
    ])
    const fewer = { ...rest, versions: rest.versions.filter(({ subject }) => subject !== 'meta') }
    expect(new Set(compareWithTopic(fewer, records).map(({ severity, code }) => `${severity} ${code}`))).toEqual(
      new Set(['warning registry-differs']),
    )
  })
})
