import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { exampleMatrix } from '../src/drill/report/example-matrix.ts'
import { type Matrix, type MatrixRow, matrixSchema } from '../src/drill/report/matrix.ts'
import { isKnownLoss } from '../src/drill/report/matrix-verdict.ts'
import { writeMatrix } from '../src/drill/report/write-matrix.ts'
import { type CliRun, datapipeJson, told } from './cli.ts'
import { containerEngine } from './container-engine.ts'
import { sharedImage } from './shared-image.ts'

/** The original document's procedure by the one command that people type: with the tools of the backup-tools image, or of this machine. */
let directory: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'datapipe-route-'))
  // PostgreSQL runs under another user where we are root.
  await chmod(directory, 0o755)
})

afterAll(async () => {
  await rm(directory, { recursive: true, force: true })
})

async function drillOriginal(signal: AbortSignal, ...options: string[]): Promise<{ run: CliRun; matrix: Matrix; reports: string }> {
  const reports = join(directory, `reports${options.length}`)
  // Another run stands there already: it must be there afterwards.
  await writeMatrix(exampleMatrix(), reports)
  const run = await datapipeJson(['drill', '--route', 'original', '--rows', '40', '--add', '--reports', reports, ...options], {
    env: { TMPDIR: directory },
    signal,
  })
  return { run, reports, matrix: matrixSchema.parse(JSON.parse(await readFile(join(reports, 'matrix.json'), 'utf8'))) }
}

function expectCountedLosses({ run, matrix, reports }: Awaited<ReturnType<typeof drillOriginal>>, id: string): void {
  expect(run.exitCode, told(run)).toBe(0)
  expect(run.result?.result).toMatchObject({ verdict: 'known loss' })
  const rows = matrix.rows.filter((row) => row.run === id)
  console.info(`${reports}\n${rows.map(({ component, counts, losses }) => `${component}: ${JSON.stringify({ counts, losses })}`).join('\n')}`)
  expect(rows.map(({ component, tool, format, verdict }) => [component, tool, format, verdict])).toEqual([
    ['PostgreSQL', 'pg_basebackup', 'binary + WAL', 'pass'],
    ['CDC topics', 'kafka-avro-console-consumer', 'JSON', 'fail'],
    ['internal topics', 'kafka-console-consumer', 'raw', 'fail'],
    ['Schema Registry', 'REST API (curl, jq)', 'JSON', 'fail'],
  ])
  const [postgres, cdc, internal, registry] = rows as [MatrixRow, MatrixRow, MatrixRow, MatrixRow]
  for (const row of [cdc, internal, registry]) expect(isKnownLoss(row), JSON.stringify(row.findings, undefined, 1)).toBe(true)
  expect(postgres.counts.rows).toBeGreaterThan(100)
  expect(internal.findings).toContainEqual(expect.objectContaining({ severity: 'note', code: 'connector-not-put-back', item: 'shop-connector' }))

  // Everything that came back at all has another time, and everything is counted once: found, a tombstone, or refused by the registry.
  const { found = 0, records = 0 } = cdc.counts
  expect(found).toBeGreaterThan(100)
  expect(cdc.losses).toMatchObject({ timestamps: found, schemaIds: expect.any(Number) as number, partitions: expect.any(Number) as number })
  expect(found + (cdc.losses?.tombstones ?? 0) + (cdc.losses?.refusedRecords ?? 0)).toBe(records)
  expect(cdc.losses?.tombstones).toBeGreaterThan(0)
  expect(internal.losses?.timestamps).toBe(internal.counts.found)
  expect(registry.losses?.schemaIds).toBeGreaterThan(0)
  expect(registry.losses?.softDeletedVersions).toBeGreaterThan(0)

  // The run that stood there does so still, and what stands at the top is its own.
  expect(matrix.runs.map((one) => one.id).sort()).toEqual(['embedded', id].sort())
  expect(matrix.recoveryPoint).toEqual(exampleMatrix().recoveryPoint)
}

// Once: the same servers, scripts and losses, whichever tools. The image's are the document's; without an engine those of this machine are what there is.
if (await containerEngine('the original route in the image')) {
  test('the document’s procedure with the tools of the image: PostgreSQL comes back whole, and what the console tools lose is counted', async ({
    signal,
  }) => {
    const { tag } = await sharedImage()
    expectCountedLosses(await drillOriginal(signal, '--tools-image', tag), 'original-route-image')
  }, 3_600_000)
} else {
  test('the document’s procedure on this machine: PostgreSQL comes back whole, and what the console tools lose is counted', async ({ signal }) => {
    expectCountedLosses(await drillOriginal(signal), 'original-route')
  }, 1_200_000)
}
