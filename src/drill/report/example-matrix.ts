import type { Matrix, MatrixRow } from './matrix.ts'
import type { MatrixRun } from './matrix-run.ts'
import { runVerdict } from './matrix-verdict.ts'

/** A matrix of one run with every verdict and awkward text, for the tests of its forms. */
export function exampleMatrix(): Matrix {
  const row = (change: Partial<MatrixRow>): MatrixRow => ({
    run: 'embedded',
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
  const matrix: Matrix = {
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
    runs: [],
    rows: [
      row({
        component: 'PostgreSQL',
        tool: 'BASE_BACKUP',
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
  return { ...matrix, runs: [runOf(matrix)] }
}

function runOf(matrix: Matrix): MatrixRun {
  const { stack, versions, recoveryPoint, phases, rto, rpo, generatedAt: at } = matrix
  const measured = { stack, versions, recoveryPoint, phases, rto, rpo, at }
  return {
    id: 'embedded',
    drill: 'lose everything',
    subject: 'engine',
    engine: 'process',
    seed: 4_045_620_583,
    ...measured,
    verdict: runVerdict(matrix.rows),
  }
}

/** The same with runs beside it: in containers under limits, one that was not to be had, and another way with known losses. */
export function exampleOfSeveralRuns(): Matrix {
  const matrix = exampleMatrix()
  const [pass, , , , , notRun] = matrix.rows as [MatrixRow, MatrixRow, MatrixRow, MatrixRow, MatrixRow, MatrixRow]
  const [main] = matrix.runs as [MatrixRun]
  const rows = [pass, matrix.rows[1] as MatrixRow, matrix.rows[2] as MatrixRow]
  const harm = (code: string, item: string, message: string) => ({
    severity: 'harm' as const,
    code,
    component: 'kafka' as const,
    item,
    message,
    next: 'read docs/original-route.md; datapipe restore loses nothing',
  })
  const containers: MatrixRun = {
    ...main,
    id: 'containers-local-pg17-kafka3.9-dbz2.7-512m',
    stack: 'containers',
    profile: 'local',
    variant: 'PostgreSQL 17, Kafka 3.9, Debezium 2.7',
    versions: { postgresql: '17.6', kafka: '3.9.2', debezium: '2.7.4.Final', confluentSchemaRegistry: '7.9.2' },
    engine: { image: 'datapipe-backup-tools:latest', memoryBytes: 512 * 1024 ** 2, cpus: 0.5 },
    memory: { engineLimitBytes: 512 * 1024 ** 2, enginePeakBytes: 222_298_112, stackPeakBytes: 3_221_225_472, missedLooks: 2 },
    at: '2026-11-25T00:10:00.000Z',
    verdict: 'pass',
  }
  const official: MatrixRun = {
    ...main,
    id: 'containers-official',
    stack: 'containers',
    profile: 'official',
    versions: {},
    recoveryPoint: null,
    phases: [],
    rto: null,
    rpo: null,
    at: '2026-11-25T00:02:00.000Z',
    verdict: 'not run',
    notRun: 'confluentinc/cp-kafka:8.3.1 could not be pulled: no such host',
  }
  const original: MatrixRun = {
    ...main,
    id: 'original-route-embedded',
    drill: 'the original route',
    subject: 'reference',
    recoveryPoint: null,
    rpo: null,
    at: '2026-11-23T12:00:00.000Z',
    verdict: 'known loss',
  }
  return {
    ...matrix,
    runs: [{ ...main, verdict: 'pass' }, containers, official, original],
    rows: [
      ...rows,
      ...rows.map((row): MatrixRow => ({ ...row, run: containers.id })),
      { ...notRun, run: official.id, drill: official.drill, component: 'drill', tool: 'datapipe', format: 'whole run' },
      { ...pass, run: original.id, drill: original.drill },
      {
        ...pass,
        run: original.id,
        drill: original.drill,
        component: 'CDC topics',
        tool: 'kafka-avro-console-consumer, -producer',
        format: 'JSON',
        verdict: 'fail',
        counts: { topics: 12, records: 2571 },
        losses: { tombstones: 83, headers: 2, timestamps: 2571, schemaIds: 2571 },
        knownLosses: ['tombstones-lost', 'headers-lost', 'timestamps-lost', 'schema-ids-changed'],
        findings: [
          harm('tombstones-lost', 'shopdb.shop.orders', '83 records with a null value did not come back'),
          harm('timestamps-lost', 'shopdb.shop.orders', '2571 records have the time of their restore'),
        ],
      },
    ],
  }
}
