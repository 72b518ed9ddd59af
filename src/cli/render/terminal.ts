import { describeEvent, describeFailure } from './describe-event.ts'
import { formatSeconds } from './format.ts'
import { type Progress, trackProgress } from './progress.ts'
import type { Output, Renderer, ResultText } from './renderer.ts'
import type { Style } from './style.ts'

const everyMs = 100
const spinner = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']

export interface TerminalOptions {
  stdout: Output
  /** The terminal; its width is asked for at every redraw. */
  stderr: Output & { readonly columns?: number | undefined; readonly rows?: number | undefined }
  /** Milliseconds, monotonic. */
  clock: () => number
  style: Style
  resultText: ResultText
}

/**
 * What is finished scrolls up; what is under way (phases, and progress with rate and time left) is redrawn below it.
 * Escapes used: CSI n A (up), CSI J (erase to the end of the screen), CSI ?25l/h (cursor).
 */
export function terminalRenderer({ stdout, stderr, clock, style, resultText }: TerminalOptions): Renderer {
  const phases = new Map<string, number>()
  const tasks = new Map<string, Progress>()
  let drawn = 0
  let drawnAt = Number.NEGATIVE_INFINITY
  let frame = 0

  const erase = () => {
    if (drawn > 0) stderr.write(`\u001b[${drawn}A\u001b[J`)
    drawn = 0
  }
  const draw = () => {
    const now = clock()
    erase()
    const mark = spinner[frame++ % spinner.length] ?? ''
    const width = Math.max(20, (stderr.columns || 80) - 1)
    const lines = [
      ...[...phases].map(([name, started]) => `${mark} ${name}  ${formatSeconds((now - started) / 1000)}`),
      ...[...tasks.values()].map((task) => `  ${task.text(now)}`),
    ].slice(0, Math.max(1, (stderr.rows || 24) - 2))
    if (lines.length > 0) stderr.write(lines.map((line) => `${style.dim(cut(line, width))}\n`).join(''))
    drawn = lines.length
    drawnAt = now
  }
  const above = (text: string) => {
    erase()
    stderr.write(text)
    draw()
  }
  const timer = setInterval(() => {
    if (phases.size + tasks.size > 0) draw()
  }, 250)
  timer.unref()
  stderr.write('\u001b[?25l')

  return {
    event(event) {
      if (event.type === 'result' || event.type === 'error') {
        phases.clear()
        tasks.clear()
        erase()
        if (event.type === 'result') stdout.write(resultText(event.command, event.result))
        else stderr.write(describeFailure(event, style))
        return
      }
      if (event.type === 'phase' && event.status === 'start') phases.set(event.name, clock())
      if (event.type === 'phase' && event.status !== 'start') phases.delete(event.name)
      if (event.type === 'progress') {
        const task = tasks.get(event.task) ?? trackProgress(event.task)
        tasks.set(event.task, task)
        task.update(event, clock())
        if (task.finished) tasks.delete(event.task)
      }
      const line = describeEvent(event, style)
      if (line !== undefined) above(line)
      else if (clock() - drawnAt >= everyMs) draw()
    },
    close() {
      clearInterval(timer)
      erase()
      stderr.write('\u001b[?25h')
    },
  }
}

/** Cut to a number of characters; a line that wraps would break the way up. */
function cut(line: string, width: number): string {
  const characters = [...line]
  return characters.length <= width ? line : `${characters.slice(0, width - 1).join('')}…`
}
