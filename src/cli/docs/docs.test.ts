import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { configSchema } from '../../base/config.ts'
import { errorTable } from '../../base/errors.ts'
import { allKeys } from '../config-keys.ts'
import { loadConfigText } from '../test-cli.ts'
import { cliPage } from './cli-page.ts'
import { configDescriptions } from './config-descriptions.ts'
import { exitCodesPage } from './exit-codes-page.ts'

const page = (name: string) => readFile(new URL(`../../../docs/${name}`, import.meta.url), 'utf8')

test('docs/cli.md and docs/exit-codes.md are what the tables say (otherwise: npm run docs)', async () => {
  expect(await page('cli.md')).toBe(cliPage())
  expect(await page('exit-codes.md')).toBe(exitCodesPage())
})

test('every key of datapipe.yaml is described, and nothing else is', () => {
  expect(Object.keys(configDescriptions).sort()).toEqual([...new Set(allKeys(configSchema).map(({ path }) => path))].sort())
})

test('every failure has an exit code of its own, but for wrong usage', () => {
  const codes = Object.values(errorTable)
    .map(({ exit }) => exit)
    .filter((exit) => exit !== 64)
  expect(new Set(codes).size).toBe(codes.length)
  for (const exit of codes) expect(exit > 22 && exit < 126 ? 'between' : exit).toEqual(exit === 130 ? 130 : 'between')
})

test('the example in docs/cli.md is a configuration', async () => {
  const yaml = /```yaml\n([\s\S]*?)```/.exec(cliPage())?.[1] ?? expect.fail('no example')
  const { config } = await loadConfigText(yaml, { files: { 'postgres.password': 'p@ss\n', 'registry.password': 'r\n' } })
  expect(config).toMatchObject({ postgres: { url: 'postgres://backup:p%40ss@db:5432/app' }, registry: { password: 'r' } })
})
