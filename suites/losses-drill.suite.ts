import { readFile, readdir } from 'node:fs/promises'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { matrixSchema } from '../src/drill/report/matrix.ts'
import { type CliRun, datapipe, datapipeJson, told } from './cli.ts'
import { expectRefusal } from './cli-outcomes.ts'

/** Losses and seeds by the command that people type; all of them are in `drill --all`, which is too long for a suite. */
let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'datapipe-losses-'))
  // PostgreSQL runs under another user where we are root.
  await chmod(directory, 0o755)
})
afterAll(() => rm(directory, { recursive: true, force: true }))

test('a group that was reset and a seed with a killed backup pass on one stack, are rows of the matrix, and are judged again without servers', async ({
  signal,
}) => {
  const reports = join(directory, 'reports')
  const options = ['--loss', 'group', '--seed', String(seedOfAKilledBackup), '--runs', '1', '--rows', '40', '--seconds', '1']
  const run = await datapipeJson(['drill', '--reports', reports, ...options], { env: { TMPDIR: directory }, signal })
  expect(run.exitCode, told(run)).toBe(0)
  const matrix = matrixSchema.parse(JSON.parse(await readFile(join(reports, 'matrix.json'), 'utf8')))
  expect(matrix.runs.map(({ id, verdict }) => `${id} ${verdict}`).sort()).toEqual(['embedded-loss-group pass', 'embedded-seeds pass'])

  const group = matrix.rows.filter(({ run }) => run === 'embedded-loss-group')
  expect(group.find(({ component }) => component === 'consumer groups')).toMatchObject({ tool: 'engine', verdict: 'pass' })
  expect(group.filter(({ format }) => format === 'left alone').map(({ component }) => component)).toContain('PostgreSQL')
  const rto = matrix.runs.find(({ id }) => id === 'embedded-loss-group')?.rto
  const parts = rto?.phases?.reduce((sum, { seconds }) => sum + seconds, 0) ?? 0
  expect(rto?.phases?.map(({ name }) => name)).toEqual(['lose the place of a group', 'start empty servers', 'restore', 'first new event'])
  // The phases are what the RTO went into.
  expect(Math.abs(parts - (rto?.seconds ?? 0))).toBeLessThan(1)

  const [seed] = matrix.rows.filter(({ run }) => run === 'embedded-seeds')
  expect(seed?.format).toMatch(/engine killed at ".+" of the backup/)
  expect(seed?.evidence.join()).toContain(`fault on the way: pass`)
  expect(starts(run)).toBe(1)

  const of = join(reports, 'runs', `seed-${seedOfAKilledBackup}`)
  const [evidence] = await readdir(of)
  const again = await datapipe(['drill', '--analyze', join(of, evidence ?? '')])
  expect(again.exitCode, told(again)).toBe(0)
  expect(again.stdout).toContain('one-cut: pass')
  await spoil(join(of, evidence ?? '', 'evidence.jsonl'))
  const spoiled = await datapipe(['drill', '--analyze', join(of, evidence ?? '')])
  expect(spoiled.exitCode, told(spoiled)).toBe(20)
  expect(spoiled.stdout).toContain('event-missing')
})

test.each<[string[], RegExp]>([
  [['--loss', 'group', '--stack', 'containers'], /know no --stack/],
  [['--keep-going'], /--keep-going says how to go on with --runs/],
  [['--analyze', '/nowhere'], /the evidence cannot be read/],
])('drill %j is refused before anything starts', async (options, words) => {
  expectRefusal(await datapipeJson(['drill', ...options]), 64, 'usage', words)
})

/** Everything is lost, and the backup was killed on the way (src/drill/plan-from-seed.ts). */
const seedOfAKilledBackup = 12

function starts(run: CliRun): number {
  return run.events.filter((event) => event.type === 'phase' && event.name === 'start kafka' && event.status === 'start').length
}

/** The newest event of the ledger is taken out of the evidence. */
async function spoil(file: string): Promise<void> {
  const lines = (await readFile(file, 'utf8')).split('\n')
  const at = lines.findLastIndex((line) => line.startsWith('{"key":"finalEvents","item":{"table":"ledger_transfer"'))
  await writeFile(file, lines.toSpliced(at, 1).join('\n'))
}
