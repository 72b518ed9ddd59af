import { readdirSync, readFileSync } from 'node:fs'
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Matrix, matrixSchema } from '../src/drill/report/matrix.ts'
import { type CliRun, datapipeJson, startDatapipe, told } from './cli.ts'
import { expectRefusal } from './cli-outcomes.ts'

/** The whole pipeline, lost and restored, by the one command that people type. Everything that a run starts lives below its TMPDIR. */
const dump = fileURLToPath(new URL('../fixtures/sql/dumps/odd-shapes.sql', import.meta.url))
let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'datapipe-pipeline-'))
  // PostgreSQL runs under another user where we are root.
  await chmod(directory, 0o755)
})

afterEach(async () => {
  await rm(directory, { recursive: true, force: true })
})

async function drill(signal: AbortSignal, ...options: string[]): Promise<{ run: CliRun; reports: string }> {
  const reports = join(directory, 'reports')
  const run = await datapipeJson(['drill', '--reports', reports, '--rows', '40', '--seconds', '1', ...options], {
    env: { TMPDIR: directory },
    signal,
  })
  return { run, reports }
}

/** Processes whose command line or environment names the run's directory. */
function leftRunning(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => ['cmdline', 'environ'].some((file) => readProcess(pid, file).includes(directory)))
    .map((pid) => `${pid} ${readProcess(pid, 'cmdline').replaceAll('\0', ' ').slice(0, 200)}`)
}

function readProcess(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1')
  } catch (error) {
    // Ended meanwhile, or a kernel thread.
    if (error instanceof Error && 'code' in error && ['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(String(error.code))) return ''
    throw error
  }
}

function expectNothingLeft(): void {
  expect(leftRunning()).toEqual([])
  // The directory of runs stays, its runs do not, nor do spools, fences and scratch servers.
  const left = readdirSync(directory).filter((name) => name !== 'reports')
  expect(left.flatMap((name) => readdirSync(join(directory, name)))).toEqual([])
}

function expectAllPass(matrix: Matrix): void {
  console.info(matrix.phases.map(({ name, seconds }) => `${name} ${seconds.toFixed(1)}`).join('; '))
  const notPassed = matrix.rows.filter(({ verdict }) => verdict !== 'pass')
  expect(notPassed, JSON.stringify(notPassed, undefined, 1)).toEqual([])
  expect(matrix.rows.map(({ component }) => component)).toEqual([
    'PostgreSQL',
    'CDC topics',
    'application topics',
    'internal topics',
    'Schema Registry',
    'Kafka Connect',
    'consumer groups',
    'pipeline resumes',
    'backup',
  ])
  for (const { counts, component } of matrix.rows) expect(Math.max(...Object.values(counts)), component).toBeGreaterThan(0)
}

test('a pipeline with an odd schema of the user’s own comes back from nothing: all pass, with reports, and nothing is left running', async ({
  signal,
}) => {
  const { run, reports } = await drill(signal, '--sql', dump, '--seed', '7')
  expect(run.exitCode, told(run)).toBe(0)
  expect(run.result).toMatchObject({ command: 'drill', exitCode: 0, result: { verdict: 'pass' } })

  const matrix = matrixSchema.parse(JSON.parse(await readFile(join(reports, 'matrix.json'), 'utf8')))
  expectAllPass(matrix)
  expect(matrix.rto?.seconds).toBeGreaterThan(0)
  expect(matrix.rpo?.seconds).toBeGreaterThan(0)
  expect(matrix.recoveryPoint).toMatchObject({ kind: 'barrier', postgres: { lsn: expect.stringMatching(/^[0-9A-F]+\/[0-9A-F]+$/) as string } })
  // Starting the servers is a phase like every other, and what they held at most is told.
  expect(matrix.phases[0]).toMatchObject({ name: 'start the stack' })
  expect(matrix.phases[0]?.seconds).toBeGreaterThan(1)
  const [drilled] = matrix.runs
  expect(drilled?.seed).toBe(7)
  expect(JSON.stringify(run.events)).toContain('--seed 7')
  expect(drilled?.memory).toEqual({ engineLimitBytes: null, enginePeakBytes: null, stackPeakBytes: expect.any(Number) as number })
  expect(drilled?.memory?.stackPeakBytes).toBeGreaterThan(400 * 1024 ** 2)
  expect(drilled?.memory?.stackPeakBytes).toBeLessThanOrEqual(3 * 1024 ** 3)
  expect(Object.keys(matrix.versions)).toEqual(expect.arrayContaining(['postgresql', 'kafka', 'debezium', 'apicurioRegistry']))

  // The user's tables were captured, restored and compared like the fixture's.
  const endOffsets = matrix.recoveryPoint?.kafka?.endOffsets ?? {}
  expect(records(endOffsets, 'shopdb.Odd_Shapes.Mixed_Case')).toBe(3)
  expect(records(endOffsets, 'shopdb.plain.keyless')).toBe(4)

  const junit = await readFile(join(reports, 'matrix.junit.xml'), 'utf8')
  expect(junit.startsWith('<?xml')).toBe(true)
  expect(junit.match(/<testcase /g)).toHaveLength(matrix.rows.length)
  expect(junit).toMatch(/<testsuites[^>]* failures="0"/)
  expectWellFormed(junit)
  expect(await readFile(join(reports, 'matrix.html'), 'utf8')).toContain('</html>')
  expect(await readFile(join(reports, 'matrix.md'), 'utf8')).toContain('| PostgreSQL')
  expectNothingLeft()
})

test('with WAL received through a slot, and the registry back from its topic, it comes back as well', async ({ signal }) => {
  const { run, reports } = await drill(signal, '--archive-mode', 'receive', '--registry-route', 'raw-topic')
  expect(run.exitCode, told(run)).toBe(0)
  const matrix = matrixSchema.parse(JSON.parse(await readFile(join(reports, 'matrix.json'), 'utf8')))
  expectAllPass(matrix)
  expectNothingLeft()
})

test('Ctrl-C while its servers start: exit 130, and neither a process nor a directory is left', async () => {
  using run = startDatapipe(['--json', 'drill', '--reports', join(directory, 'reports')], { env: { TMPDIR: directory } })
  await run.event((event) => event.type === 'phase' && event.name === 'start kafka')
  expect(leftRunning()).not.toEqual([])
  run.kill('SIGINT')
  expectRefusal(await run.ended, 130, 'interrupted', /interrupted/)
  expectNothingLeft()
})

function records(endOffsets: Record<string, Record<string, string>>, topic: string): number {
  return Object.values(endOffsets[topic] ?? {}).reduce((sum, end) => sum + Number(end), 0)
}

/** Tags open and close in order; no bare `&` or `<`. */
function expectWellFormed(xml: string): void {
  const open: string[] = []
  for (const [, closes, name, empty] of xml.replace(/<\?.*?\?>/g, '').matchAll(/<(\/?)([\w.-]+)(?:\s+[\w:.-]+="[^"<]*")*\s*(\/?)>/g)) {
    if (closes) expect(open.pop()).toBe(name)
    else if (!empty) open.push(name ?? '')
  }
  expect(open).toEqual([])
  expect(xml.replace(/<[^<>]*>|&(?:amp|lt|gt|quot|apos|#\d+|#x[0-9A-Fa-f]+);/g, '')).not.toMatch(/[<&]/)
}
