import { Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { consumeRecords } from './consume-records.ts'
import { type ConsumerOptions, consumerOptions } from './consumer-options.ts'
import { lineOutput } from './line-output.ts'
import type { ReadRecord } from './record-log.ts'
import type { RecordSource } from './record-source.ts'

async function options(compat: 'safe' | 'strict', ...args: string[]): Promise<ConsumerOptions> {
  const chosen = await consumerOptions(['--bootstrap-server', 'kafka:9092', '--topic', 'orders', '--compat', compat, ...args], {})
  if (typeof chosen === 'string') throw new Error(chosen)
  return chosen
}

describe('a group of a random name', () => {
  test('is joined with strict, and nothing is committed there unless it is asked for', async () => {
    const { group, consumerProperties } = await options('strict')
    expect(group).toMatch(/^console-consumer-\d{1,5}$/)
    expect(consumerProperties.get('enable.auto.commit')).toBe('false')
    const asked = await options('strict', '--consumer-property', 'enable.auto.commit=true')
    expect(asked.consumerProperties.get('enable.auto.commit')).toBe('true')
  })

  test('is not made by default, for one partition, or where a group is named', async () => {
    expect((await options('safe')).group).toBeUndefined()
    expect((await options('strict', '--partition', '0')).group).toBeUndefined()
    const named = await options('strict', '--group', 'billing')
    expect([named.group, named.consumerProperties.has('enable.auto.commit')]).toEqual(['billing', false])
  })
})

/** A broker that answers only after a while, with one record. */
function slowSource(afterMs: number): RecordSource {
  const started = performance.now()
  let given = false
  const record: ReadRecord = {
    topic: 'orders',
    partition: 0,
    offset: 0n,
    timestamp: 0n,
    key: null,
    value: null,
    headers: [],
    logAppendTime: false,
  }
  return {
    get ready() {
      return performance.now() - started > afterMs
    },
    problem: undefined,
    async next(waitMs) {
      await sleep(Math.min(waitMs, Math.max(1, afterMs + 1 - (performance.now() - started))))
      if (given || !this.ready) return []
      given = true
      return [{ topic: 'orders', partition: 0, records: [record] }]
    },
    done: async () => {},
    [Symbol.asyncDispose]: async () => {},
  }
}

test.each([
  ['safe', 'the time counts from the first answer: a slow connection is no empty topic', 1],
  ['strict', 'the time counts from the start, and the record is not read', 0],
] as const)('%s: --timeout-ms shorter than the connection takes: %s', async (compat, _, expected) => {
  const said: string[] = []
  const code = await consumeRecords({
    options: await options(compat, '--timeout-ms', '150', '--from-beginning'),
    source: slowSource(600),
    format: () => undefined,
    output: lineOutput(new Writable({ write: (_chunk, _encoding, done) => done() })),
    signal: new AbortController().signal,
    say: (line) => void said.push(line),
  })
  expect([code, said]).toEqual([0, [`Processed a total of ${expected} messages`]])
})
