import type { ToolsResult } from '../../commands/tools.ts'
import { formatSeconds, formatTable } from '../render/format.ts'

const marks = { pass: '✓', fail: '✗', 'not run': '-' } as const

/** Every row; below one that failed, all that the tool said. */
export function toolsText({ items }: ToolsResult): string {
  const rows = items.map(({ tool, act, verdict, detail, seconds }) => [marks[verdict], tool, act, formatSeconds(seconds), firstLine(detail)])
  const lines = formatTable(rows, [3]).split('\n')
  const told = items.map(({ verdict, detail }, index) => {
    const rest = verdict === 'fail' ? detail.split('\n').slice(1) : []
    return `${lines[index]}\n${rest.map((line) => `     ${line}\n`).join('')}`
  })
  const count = (wanted: keyof typeof marks) => items.filter(({ verdict }) => verdict === wanted).length
  return `${told.join('')}${count('pass')} passed, ${count('fail')} failed, ${count('not run')} not run\n`
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? ''
}
