import type { Matrix, MatrixRow } from './matrix.ts'

/** A matrix with every verdict and awkward text, for the tests of its forms. */
export function exampleMatrix(): Matrix {
  const row = (change: Partial<MatrixRow>): MatrixRow => ({
    drill: 'lose everything',
    component: 'CDC topics',
    tool: 'engine',
    format: 'record batches',
    verdict: 'pass',
    counts: { topics: 13, records: 20136 },
    bytes: 3_456_789,
    seconds: 4.2,
    evidence: ['same-records: pass'],
    findings: [],
    ...change,
  })
  return {
    generatedAt: '2026-11-25T01:30:00.000Z',
    stack: 'embedded',
    versions: { postgresql: '15.18', kafka: '4.3.1', debezium: '3.6.0.Final', apicurioRegistry: '3.3.3' },
    recoveryPoint: {
      name: 'point-1',
      kind: 'barrier',
      takenAt: '2026-11-25T01:28:00.000Z',
      postgres: { systemIdentifier: '7444444444444444444', timeline: 1, lsn: '0/1F61A30', xid: '951', time: '2026-11-25 01:27:59.9+00' },
      kafka: { clusterId: 'abcDEF', endOffsets: { 'shopdb.shop.orders': { '0': '251', '1': '255' }, 'drill.parcels': { '0': '167' } } },
    },
    phases: [
      { name: 'start stack', seconds: 38.2 },
      { name: 'fill', seconds: 12.75 },
      { name: 'backup', seconds: 9.1 },
      { name: 'destroy', seconds: 2.2 },
      { name: 'restore', seconds: 31 },
      { name: 'compare', seconds: 0.04 },
    ],
    rto: { seconds: 47.3, lostAt: '2026-11-25T01:28:10.000Z', recoveredAt: '2026-11-25T01:28:57.300Z' },
    rpo: { seconds: 6.1, lastCommitAt: '2026-11-25T01:28:03.900Z', lostAt: '2026-11-25T01:28:10.000Z', transactionsLost: 244 },
    rows: [
      row({
        component: 'PostgreSQL',
        tool: 'pg_basebackup',
        format: 'binary + WAL',
        counts: { tables: 38, rows: 18354, largeObjects: 2 },
        bytes: 41_234_567,
        seconds: 8.4,
      }),
      row({}),
      row({
        component: 'internal topics',
        findings: [{ severity: 'note', code: 'odd', component: 'kafka', item: 'connect-status', message: 'offsets 3 and 4 are gone: compaction' }],
      }),
      row({
        component: 'registry',
        tool: 'REST',
        format: 'JSON',
        verdict: 'fail',
        findings: [
          {
            severity: 'harm',
            code: 'id-moved',
            component: 'registry',
            item: 'orders-value/2 <script>alert(1)</script>',
            message: 'had id 7, has id 9 | "quoted" & \u001b[31mred\u0000',
            next: 'datapipe restore BACKUP --only registry --registry-route raw',
          },
        ],
      }),
      row({
        component: 'groups',
        format: 'offsets',
        verdict: 'unknown',
        counts: {},
        bytes: null,
        findings: [
          {
            severity: 'warning',
            code: 'nothing-compared',
            component: 'kafka',
            item: 'same-groups',
            message: 'there was nothing to compare',
            next: 'npm run drill',
          },
        ],
      }),
      row({
        drill: 'lose the registry',
        component: 'registry',
        tool: 'raw topic',
        format: 'record batches',
        verdict: 'not run',
        counts: {},
        bytes: null,
        seconds: null,
        evidence: [],
        findings: [
          { severity: 'note', code: 'not-possible', component: 'registry', item: 'stack', message: 'this stack cannot stop the registry alone' },
        ],
      }),
    ],
  }
}
