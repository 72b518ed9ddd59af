import { createHash } from 'node:crypto'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Manifest } from '../repository/manifest.ts'
import { runForTest } from '../cli/test-cli.ts'
import type { DiffResult } from './diff.ts'

/** `datapipe diff` of two backups, as people type it. Neither needs a server. */
const [good, other] = ['20261125T030000Z-0001', '20261126T030000Z-0002']
let directory: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'datapipe-diff-'))
})

afterAll(() => rm(directory, { recursive: true, force: true }))

/** A repository with the kept backup, and that one again with a changed manifest; the diff of both. */
async function diffWith(name: string, change: (manifest: Manifest) => void): Promise<{ exitCode: number; result: DiffResult }> {
  const root = join(directory, name)
  await cp(join(import.meta.dirname, '../../fixtures/backups/format-1'), root, { recursive: true })
  await cp(join(root, 'backups', good), join(root, 'backups', other), { recursive: true })
  const file = join(root, 'backups', other, 'manifest.json')
  const manifest = JSON.parse(await readFile(file, 'utf8')) as Manifest
  change(Object.assign(manifest, { id: other }))
  const text = JSON.stringify(manifest)
  await writeFile(file, text)
  await writeFile(`${file}.sha256`, `${createHash('sha256').update(text).digest('hex')}  manifest.json\n`)
  const config = join(root, 'datapipe.yaml')
  await writeFile(config, `repository: { url: "${pathToFileURL(root).href}" }\n`)
  const run = await runForTest(['--json', '--config', config, 'diff', good, other])
  const last = JSON.parse(run.stdout.trim().split('\n').at(-1) ?? '') as { result?: DiffResult }
  if (last.result === undefined) throw new Error(run.all)
  return { exitCode: run.exitCode, result: last.result }
}

test('a backup and the same again are the same: exit 0', async () => {
  const { exitCode, result } = await diffWith('same', () => {})
  expect([exitCode, result]).toEqual([0, { exitCode: 0, a: good, b: other, compared: ['kafka', 'registry', 'connect'], differing: [], findings: [] }])
})

test('a group that one of them lacks: exit 20, and it is named', async () => {
  const { exitCode, result } = await diffWith('differs', ({ components }) => {
    Object.assign(components.kafka as object, { groups: [] })
  })
  expect([exitCode, result.differing]).toEqual([20, ['kafka']])
  expect(result.findings).toMatchObject([{ code: 'group-missing', item: 'billing', message: `${other} has no positions of group billing` }])
})

test('a component that one of them lacks is not compared: exit 21, for nobody can tell', async () => {
  const { exitCode, result } = await diffWith('lopsided', ({ components }) => {
    delete components.connect
  })
  expect([exitCode, result.compared]).toEqual([21, ['kafka', 'registry']])
  expect(result.findings).toMatchObject([
    { severity: 'warning', code: 'not-compared', component: 'connect', message: `${other} has no connect: it was not compared` },
  ])
})
