import { expect, test } from 'vitest'
import { exampleLedger, examplePositions, examplePostgres, exampleRegistry, exampleTopics } from './checkers/example-observations.ts'
import { type DrillEvidence, factsOf, judge } from './judge.ts'
import type { PipelineObservation } from './observe-all.ts'
import { slotName } from './workloads/connector.ts'

const kinds = { orders: 'application', 'shopdb.public.item': 'cdc', 'connect-configs': 'internal', 'connect-status': 'internal' } as const

function observation(): PipelineObservation {
  const names = Object.keys(kinds)
  return {
    postgres: examplePostgres(),
    topics: names.flatMap((topic) => exampleTopics().map((observed) => ({ ...observed, topic }))),
    topicConfigs: names.map((topic) => ({ topic, partitions: 1, replicationFactor: 1, configs: { 'retention.ms': '1' } })),
    groups: examplePositions(),
    registry: exampleRegistry(),
    decode: { ids: [{ id: 1, topics: ['orders'], records: 4, decoded: 4 }], records: 4, unframed: 0 },
    connectors: [
      {
        name: 'shop',
        type: 'source',
        state: 'RUNNING',
        tasks: [{ id: 0, state: 'RUNNING' }],
        config: { 'topic.prefix': 'shopdb' },
        offsets: { '{"server":"shopdb"}': '{"lsn":16}' },
      },
    ],
    slots: {
      slots: [{ name: slotName, plugin: 'pgoutput', active: true, restartLsn: '0/10', confirmedFlushLsn: '0/10' }],
      flushLsn: '0/20',
      timeline: 2,
    },
  }
}

/** A drill in which nothing was lost: transfers 1 to 3 are within the cut, all 5 were acknowledged, and one more was made after the restore. */
function goodDrill(): DrillEvidence {
  const final = exampleLedger(4)
  const { history } = exampleLedger(5)
  // The fourth sequence was used again after the restore, by another transaction.
  for (const transfer of final.ledger.transfers.slice(3)) transfer.epoch = 2
  for (const { table, key, after } of final.events) if (table === 'ledger_transfer' && key.seq === '4' && after !== null) after.epoch = '2'
  const again = { ...(history[3] as (typeof history)[number]), epoch: 2 }
  return {
    drill: 'lose everything',
    loss: 'all',
    parts: ['postgres', 'cdc', 'application', 'internal', 'registry', 'connect', 'groups'],
    resnapshot: false,
    cut: 'barrier',
    before: observation(),
    after: observation(),
    baseline: { transfers: [], entries: [], accounts: [] },
    began: {},
    history,
    wholeHistory: [...history, again],
    restoredLedger: exampleLedger(3).ledger,
    finalLedger: final.ledger,
    finalEvents: final.events,
    resumedFrom: { ledger_account: { '0': '17' }, ledger_transfer: { '0': '17' }, ledger_entry: { '0': '17' } },
    startBalance: 100,
    seed: 1,
    kinds,
    restoredTopics: ['orders', 'shopdb.public.item', 'connect-configs'],
    facts: facts(),
    times: { lostAt: 't', recoveredAt: 't' },
  }
}

function facts(change: (facts: { files: number; findings: unknown[]; reason?: string }) => void = () => {}): DrillEvidence['facts'] {
  const verified = { id: 'b1', verdict: 'intact', files: 7, findings: [] as unknown[] }
  change(verified)
  return factsOf({
    show: { backup: { recoveryPoint: { postgres: { lsn: '0/380' } } }, stored: { postgres: 1 }, kafka: { topics: [] } },
    restore: { registryRoute: 'native', phases: [{ name: 'restore topics', seconds: 2 }] },
    verify: { exitCode: 0, backups: [verified] },
    evidence: 'runs/x/evidence.jsonl',
  } as unknown as Parameters<typeof factsOf>[0])
}

const verdicts = (evidence: DrillEvidence, given = facts()) =>
  Object.fromEntries(judge({ ...evidence, facts: given }).map(({ component, verdict }) => [component, verdict]))

const allPass = {
  PostgreSQL: 'pass',
  'CDC topics': 'pass',
  'application topics': 'pass',
  'internal topics': 'pass',
  'Schema Registry': 'pass',
  'Kafka Connect': 'pass',
  'consumer groups': 'pass',
  'pipeline resumes': 'pass',
  backup: 'pass',
}

test('a drill in which nothing was lost passes in every row', () => {
  expect(verdicts(goodDrill())).toEqual(allPass)
})

const topic = (evidence: DrillEvidence, name: string) => evidence.after.topics.find((each) => each.topic === name)?.partitions[0]
const first = <T>(items: T[]): T => items[0] as T
/** Of the second epoch, which nobody cut off. */
const acknowledged = (seq: number) => ({ ...(exampleLedger(seq).history.at(-1) as DrillEvidence['history'][number]), epoch: 2 })

test.each<[string, string | string[], (evidence: DrillEvidence) => unknown]>([
  ['a row is gone', 'PostgreSQL', ({ after }) => first(after.postgres.tables).rows.pop()],
  ['a view is another one', 'PostgreSQL', ({ after }) => (after.postgres.definitions['view shop.totals'] = 'SELECT 2')],
  [
    'a commit before the cut is lost',
    ['PostgreSQL', 'CDC topics', 'pipeline resumes'],
    (evidence) => (evidence.restoredLedger = exampleLedger(2).ledger),
  ],
  [
    'a commit behind the cut is there',
    ['PostgreSQL', 'CDC topics', 'pipeline resumes'],
    (evidence) => (evidence.restoredLedger = exampleLedger(4).ledger),
  ],
  ['money appears', ['PostgreSQL', 'CDC topics'], ({ restoredLedger }) => (first(restoredLedger.accounts).balance = '99')],
  ['a change event is dropped', 'CDC topics', (evidence) => topic(evidence, 'shopdb.public.item')?.records.pop()],
  [
    'a topic has another retention',
    'CDC topics',
    ({ after }) => (after.topicConfigs[1] = { ...first(after.topicConfigs), topic: 'shopdb.public.item', configs: {} }),
  ],
  [
    'a record is there twice',
    'application topics',
    (evidence) => {
      const partition = topic(evidence, 'orders')
      partition?.records.push({ ...first(partition.records), offset: '4' })
    },
  ],
  ['a record has lost its headers', 'application topics', (evidence) => (first(topic(evidence, 'orders')?.records ?? []).headers = '')],
  ['a topic is gone', 'application topics', ({ after }) => after.topics.shift()],
  ['a worker topic that was restored raw lacks a record', 'internal topics', (evidence) => topic(evidence, 'connect-configs')?.records.pop()],
  ['an id has moved', 'Schema Registry', ({ after }) => (first(after.registry.schemas).id = 99)],
  ['an id does not decode', 'Schema Registry', ({ after }) => (first(after.decode.ids).error = 'unknown schema')],
  ['a connector is gone', 'Kafka Connect', ({ after }) => after.connectors.pop()],
  ['an offset is ahead of the database', 'Kafka Connect', ({ after }) => (first(after.connectors).offsets['{"server":"shopdb"}'] = '{"lsn":33}')],
  ['a group is set back', 'consumer groups', ({ after }) => (first(after.groups).next = null)],
  [
    'an event is missing at the seam',
    'pipeline resumes',
    ({ finalEvents }) =>
      finalEvents.splice(
        finalEvents.findLastIndex(({ table }) => table === 'ledger_transfer'),
        1,
      ),
  ],
  [
    'an event is doubled at the seam',
    'pipeline resumes',
    ({ finalEvents }) =>
      finalEvents.push({ ...(finalEvents.findLast(({ table }) => table === 'ledger_transfer') ?? first(finalEvents)), offset: '99' }),
  ],
  [
    'the connector takes a new snapshot',
    'pipeline resumes',
    ({ finalEvents }) => {
      for (const event of finalEvents.slice(-2)) event.snapshot = 'true'
    },
  ],
  ['the slot is missing', 'pipeline resumes', ({ after }) => after.slots.slots.pop()],
  [
    'the last event before the cut was cut off',
    ['CDC topics'],
    ({ resumedFrom }) => {
      resumedFrom.ledger_entry = { '0': '16' }
    },
  ],
  ['what was acknowledged after the restore is gone', 'pipeline resumes', ({ wholeHistory }) => wholeHistory.push(acknowledged(5))],
])('%s: %s fails, and nothing else', (_what, components, spoil) => {
  const evidence = goodDrill()
  spoil(evidence)
  const failing = Object.fromEntries([components].flat().map((component) => [component, 'fail']))
  expect(verdicts(evidence)).toEqual({ ...allPass, ...failing })
})

test('parts that were not lost are told as left alone, and one that changed all the same fails', () => {
  const evidence: DrillEvidence = { ...goodDrill(), loss: 'registry', parts: ['registry'], restoredTopics: [] }
  // PostgreSQL was left alone: it holds all that was acknowledged by the time of the look.
  evidence.history = exampleLedger(3).history
  evidence.wholeHistory = [...evidence.history, acknowledged(4)]
  const rows = judge(evidence)
  expect(rows.filter(({ verdict }) => verdict !== 'pass')).toEqual([])
  expect(rows.filter(({ format }) => format === 'left alone').map(({ component }) => component)).toEqual([
    'PostgreSQL',
    'CDC topics',
    'application topics',
    'Kafka Connect',
    'consumer groups',
  ])
  first(evidence.after.postgres.tables).rows.pop()
  expect(verdicts(evidence)).toMatchObject({ PostgreSQL: 'fail' })
})

test('where the restore cuts, the topics may be shorter than the backup: what came back must be the beginning of it', () => {
  const cut = (change: (evidence: DrillEvidence) => void) => {
    const evidence: DrillEvidence = { ...goodDrill(), cut: 'no barrier' }
    topic(evidence, 'shopdb.public.item')?.records.pop()
    first(evidence.after.decode.ids).records = 3
    change(evidence)
    return verdicts(evidence)
  }
  expect(cut(() => {})).toEqual(allPass)
  expect(cut((evidence) => topic(evidence, 'shopdb.public.item')?.records.shift())).toEqual({ ...allPass, 'CDC topics': 'fail' })
  expect(cut((evidence) => topic(evidence, 'orders')?.records.pop())).toEqual({ ...allPass, 'application topics': 'fail' })
})

test('events that came again count as a fault, but for a worker that was killed', () => {
  const again = (loss: DrillEvidence['loss']) => {
    const evidence = { ...goodDrill(), loss }
    evidence.finalEvents.forEach((event, index) => {
      event.lsn = String(index)
    })
    evidence.finalEvents.push({ ...(evidence.finalEvents.at(-1) as (typeof evidence.finalEvents)[number]), offset: '99' })
    return judge(evidence).find(({ component }) => component === 'pipeline resumes')
  }
  expect(again('all')).toMatchObject({ verdict: 'fail' })
  expect(again('connect')).toMatchObject({ verdict: 'pass', counts: { redelivered: 1 } })
})

test('a fault that did not happen is unknown, an error that nobody foresaw fails', () => {
  const fault = { during: 'backup', what: 'engine killed', phase: 'copy topics', happened: true, repeated: ['backup'] } as const
  const told = (change: Partial<NonNullable<DrillEvidence['fault']>>) =>
    judge({ ...goodDrill(), fault: { ...fault, repeated: [], error: { code: 'tool-failed', message: 'killed' }, ...change } }).find(
      ({ component }) => component === 'fault on the way',
    )
  expect(told({})).toMatchObject({ verdict: 'pass' })
  expect(told({ happened: false })).toMatchObject({ verdict: 'unknown' })
  expect(told({ error: { code: 'internal', message: 'undefined is no function' } })).toMatchObject({
    verdict: 'fail',
    findings: [{ code: 'error-unforeseen' }, { code: 'fault' }],
  })
  expect(told({ error: null })).toMatchObject({ verdict: 'fail', findings: [{ code: 'fault-not-felt' }, { code: 'fault' }] })
})

test('a worker topic whose state went back over REST is not compared record by record', () => {
  const evidence = goodDrill()
  topic(evidence, 'connect-status')?.records.pop()
  expect(verdicts(evidence)).toEqual(allPass)
})

test('damage that verify found fails the row of the backup, and a backup without files is unknown', () => {
  const damage = { severity: 'harm', code: 'artifact-damaged', component: 'kafka', item: 'orders/0', message: 'changed' }
  expect(
    verdicts(
      goodDrill(),
      facts((verified) => verified.findings.push(damage)),
    ),
  ).toEqual({ ...allPass, backup: 'fail' })
  expect(
    verdicts(
      goodDrill(),
      facts((verified) => (verified.files = 0)),
    ),
  ).toEqual({ ...allPass, backup: 'unknown' })
})

test('a manifest that cannot be read fails the row of the backup, with the reason', () => {
  const rows = judge({ ...goodDrill(), facts: facts((verified) => (verified.reason = 'no JSON')) })
  expect(rows.find(({ component }) => component === 'backup')).toMatchObject({
    verdict: 'fail',
    findings: [{ code: 'manifest-damaged', item: 'b1', message: 'no JSON' }],
  })
})

test('every failing row says what to type next', () => {
  const evidence = goodDrill()
  evidence.after = { ...observation(), topics: [], connectors: [], groups: [], registry: { ...exampleRegistry(), schemas: [] } }
  const failing = judge(evidence).filter(({ verdict }) => verdict === 'fail')
  expect(failing.length).toBeGreaterThan(3)
  for (const { component, findings } of failing)
    expect(
      findings.some(({ next }) => next !== undefined && next !== ''),
      component,
    ).toBe(true)
})
