import type { CheckResult } from '../../commands/check.ts'
import { formatTable } from '../render/format.ts'

const marks = { pass: '✓', fail: '✗', warning: '!', 'not run': '-' } as const

/** Every item, and below each that failed what to type. */
export function checkText({ items }: CheckResult): string {
  const lines = formatTable(items.map(({ component, name, verdict, detail }) => [marks[verdict], component, name, firstLine(detail)])).split('\n')
  const withNext = items.map(
    ({ verdict, next }, index) => `${lines[index]}\n${verdict === 'pass' || next === undefined ? '' : `     next: ${next}\n`}`,
  )
  const count = (wanted: keyof typeof marks) => items.filter(({ verdict }) => verdict === wanted).length
  return `${withNext.join('')}${count('pass')} passed, ${count('fail')} failed, ${count('warning')} warnings, ${count('not run')} not run\n`
}

/** A table cell holds one line; the rest of a server's words is in --json. */
function firstLine(text: string): string {
  return text.split('\n')[0] ?? ''
}
