import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '..', '..')

test('every test that docs/format.md names is there', async () => {
  const page = await readFile(join(root, 'docs/format.md'), 'utf8')
  const rows = [...page.matchAll(/^\| .* \| `([^`]+\.ts)`: (.+) \|$/gm)]
  expect(rows.length).toBeGreaterThan(20)
  const absent: string[] = []
  for (const [, file = '', title = ''] of rows) {
    const text = await readFile(join(root, file), 'utf8').catch(() => '')
    if (!text.includes(title)) absent.push(`${file}: ${title}`)
  }
  expect(absent).toEqual([])
})
