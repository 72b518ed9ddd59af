import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

/**
 * `await using` disposes when the function returns, not when the returned promise settles: `return work(client)` runs on a closed client.
 * Within a function that has `await using`, every returned call must be awaited.
 */
function unawaitedReturns(file: string, text: string): string[] {
  const lines = text.split('\n')
  return lines.flatMap((line, index) => {
    const indent = /^( *)await using /.exec(line)?.[1]
    if (indent === undefined) return []
    const rest = lines.slice(index + 1)
    const end = rest.findIndex((other) => other.length > 0 && !other.startsWith(indent))
    return rest
      .slice(0, end < 0 ? rest.length : end)
      .filter(
        (other) => other.startsWith(`${indent}return `) && /^ *return [A-Za-z.]+\((?!.*=>)[^)]*(client|fenced|connection|stack|server)\b/.test(other),
      )
      .map((other) => `${file}:${index + 1}: ${other.trim()}`)
  })
}

test('a call returned past an `await using` is awaited', () => {
  const root = import.meta.dirname
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
  expect(files.flatMap((file) => unawaitedReturns(file, readFileSync(join(root, file), 'utf8')))).toEqual([])
})

test('the rule sees the fault', () => {
  const text = '  await using client = await connect()\n  return read(client, 1)\n}\n'
  expect(unawaitedReturns('a.ts', text)).toEqual(['a.ts:1: return read(client, 1)'])
  expect(unawaitedReturns('a.ts', text.replace('return read', 'return await read'))).toEqual([])
})
