import { expect, test } from 'vitest'
import type { DatapipeEvent } from '../../base/events.ts'
import { describeFailure } from './describe-event.ts'
import { formatBytes, formatCount, formatSeconds, formatTable } from './format.ts'
import { jsonRenderer } from './json.ts'
import { linesRenderer } from './lines.ts'
import { noStyle, styleFor } from './style.ts'
import { terminalRenderer } from './terminal.ts'

function sink() {
  const out = {
    text: '',
    columns: 40,
    rows: 24,
    write(text: string) {
      out.text += text
    },
  }
  return out
}

const progress = (done: number, total = 1000): DatapipeEvent => ({ type: 'progress', task: 'topics', done, total, unit: 'records' })
const result: DatapipeEvent = { type: 'result', command: 'list', exitCode: 0, result: { n: 12345678901234567890n } }
const failure: DatapipeEvent = { type: 'error', code: 'locked', exitCode: 50, message: 'in use', path: 'lock.json', hint: 'wait' }
const finding: DatapipeEvent = {
  type: 'finding',
  finding: { severity: 'harm', code: 'record-missing', component: 'kafka', item: 'orders/0/17', message: 'is missing', next: 'datapipe diff' },
}

/** What a terminal shows after these bytes: enough of a terminal for what the renderer uses. */
function screen(bytes: string): string[] {
  const lines = ['']
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escapes are what is looked for
  for (const [piece, up, erase] of bytes.matchAll(/\u001b\[(\d+)A|\u001b\[(J)|\u001b\[\??[\d;]*[a-z]|\n|[^\u001b\n]+/gi)) {
    if (up !== undefined) lines.splice(lines.length - 1 - Number(up), Number(up))
    else if (erase !== undefined || piece.startsWith('\u001b')) continue
    else if (piece === '\n') lines.push('')
    else lines[lines.length - 1] += piece
  }
  return lines.filter((line) => line !== '')
}

test('terminal: finished things scroll up, live ones are redrawn below, nothing live is left at the end', () => {
  const [stdout, stderr] = [sink(), sink()]
  let now = 0
  const renderer = terminalRenderer({ stdout, stderr, clock: () => now, style: noStyle, resultText: () => 'THE RESULT\n' })
  renderer.event({ type: 'phase', name: 'base backup', status: 'start' })
  for (const done of [0, 250, 500]) {
    renderer.event(progress(done))
    now += 1000
  }
  renderer.event({ type: 'log', level: 'warning', component: 'postgres', message: 'slow disk' })
  expect(screen(stderr.text)).toEqual([
    'warning: postgres: slow disk',
    expect.stringMatching(/^. base backup {2}3\.0 s$/),
    '  topics  50 %  500 records of 1000 re…',
  ])
  stderr.columns = 100
  now += 1000
  renderer.event({ type: 'phase', name: 'base backup', status: 'done', seconds: 4 })
  expect(screen(stderr.text)).toEqual([
    'warning: postgres: slow disk',
    '✓ base backup 4.0 s',
    '  topics  50 %  500 records of 1000 records  125 records/s  4.0 s left',
  ])
  renderer.event(result)
  renderer.close()
  expect(screen(stderr.text)).toEqual(['warning: postgres: slow disk', '✓ base backup 4.0 s'])
  expect(stderr.text.endsWith('\u001b[?25h')).toBe(true)
  expect(stdout.text).toBe('THE RESULT\n')
})

test('terminal: never more lines than fit', () => {
  const stderr = sink()
  stderr.rows = 5
  let now = 0
  const renderer = terminalRenderer({ stdout: sink(), stderr, clock: () => (now += 200), style: noStyle, resultText: () => '' })
  for (let index = 0; index < 10; index++) renderer.event({ type: 'progress', task: `t${index}`, done: 1, unit: 'items' })
  expect(screen(stderr.text).length).toBeLessThanOrEqual(3)
  renderer.close()
})

test('lines: progress of a task every ten seconds and at its end', () => {
  const [stdout, stderr] = [sink(), sink()]
  let now = 0
  const renderer = linesRenderer({ stdout, stderr, clock: () => now, style: noStyle, resultText: () => 'r\n', quiet: false })
  renderer.event({ type: 'phase', name: 'copy', status: 'start' })
  for (let done = 0; done <= 1000; done += 40, now += 1000) renderer.event(progress(done))
  renderer.event(progress(1000))
  renderer.event({ type: 'phase', name: 'copy', status: 'failed', seconds: 26 })
  renderer.event(finding)
  renderer.event(failure)
  expect(stderr.text).toBe(`… copy
  topics  40 %  400 records of 1000 records  40 records/s  15 s left
  topics  80 %  800 records of 1000 records  40 records/s  5.0 s left
  topics  100 %  1000 records of 1000 records  40 records/s
✗ copy 26 s
harm: kafka: orders/0/17: is missing
  next: datapipe diff
error: in use
  at: lock.json
  hint: wait
`)
  expect(stdout.text).toBe('')
})

test('several reasons: each on lines of its own, with its own hint', () => {
  const reasons = [
    { code: 'target-not-empty', message: 'topic orders has records', path: 'kafka/topics', hint: 'wipe it first' },
    { code: 'target-not-empty', message: '/data is not empty', path: '/data', hint: 'move it away' },
  ]
  const event = {
    type: 'error' as const,
    code: 'target-not-empty',
    exitCode: 40,
    message: 'topic orders has records; also: /data is not empty',
    hint: 'wipe it first',
    reasons,
  }
  expect(describeFailure(event, noStyle)).toBe(`error: 2 things stand in the way
  1. topic orders has records
     at: kafka/topics
     hint: wipe it first
  2. /data is not empty
     hint: move it away
`)
})

test('quiet: results, errors, warnings and findings only', () => {
  const [stdout, stderr, json] = [sink(), sink(), sink()]
  const events: DatapipeEvent[] = [
    { type: 'phase', name: 'copy', status: 'start' },
    progress(1000),
    { type: 'log', level: 'info', message: 'chatter' },
    { type: 'log', level: 'warning', message: 'careful' },
    result,
  ]
  const renderers = [
    linesRenderer({ stdout, stderr, clock: () => 0, style: noStyle, resultText: () => 'r\n', quiet: true }),
    jsonRenderer({ stdout: json, clock: () => 0, quiet: true }),
  ]
  for (const renderer of renderers) for (const event of events) renderer.event(event)
  expect([stdout.text, stderr.text]).toEqual(['r\n', 'warning: careful\n'])
  expect(json.text.split('\n').map((line) => (line === '' ? '' : JSON.parse(line).type))).toEqual(['log', 'result', ''])
})

test('json: one event a line, progress once a second and at its end, bigint as a decimal string', () => {
  const stdout = sink()
  let now = 0
  const renderer = jsonRenderer({ stdout, clock: () => now, quiet: false })
  for (let done = 0; done <= 1000; done += 100, now += 300) renderer.event(progress(done))
  renderer.event(result)
  const lines = stdout.text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(lines.slice(0, -1).map(({ done }) => done)).toEqual([0, 400, 800, 1000])
  expect(lines.at(-1)).toEqual({ type: 'result', command: 'list', exitCode: 0, result: { n: '12345678901234567890' } })
})

test('colours: on a terminal, unless NO_COLOR or a dumb one', () => {
  expect(styleFor({}, true).red('x')).toBe('\u001b[31mx\u001b[39m')
  expect(styleFor({ NO_COLOR: '1' }, true).red('x')).toBe('x')
  expect(styleFor({ NO_COLOR: '' }, true).red('x')).not.toBe('x')
  expect(styleFor({ TERM: 'dumb' }, true).red('x')).toBe('x')
  expect(styleFor({}, false).red('x')).toBe('x')
})

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 kB'],
  [999_499, '999 kB'],
  [999_500, '1.0 MB'],
  [1_234_567_890, '1.2 GB'],
  [123_456_789_012, '123 GB'],
])('%d bytes are %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text))

test.each([
  [0.04, '0.0 s'],
  [9.96, '10.0 s'],
  [59.9, '60 s'],
  [60, '1 min 0 s'],
  [3661, '1 h 1 min'],
])('%d seconds are %s', (seconds, text) => expect(formatSeconds(seconds)).toBe(text))

test('counts and tables', () => {
  expect([formatCount(9999), formatCount(12_345), formatCount(1_234_567)]).toEqual(['9999', '12.3 k', '1.2 M'])
  expect(
    formatTable(
      [
        ['A', 'N'],
        ['long', '5'],
        ['', '1234'],
      ],
      [1],
    ),
  ).toBe('A        N\nlong     5\n      1234\n')
})
