import { describeEvent, describeFailure } from './describe-event.ts'
import { type Progress, trackProgress } from './progress.ts'
import type { Output, Renderer, ResultText } from './renderer.ts'
import type { Style } from './style.ts'

const everyMs = 10_000

export interface LinesOptions {
  stdout: Output
  stderr: Output
  /** Milliseconds, monotonic. */
  clock: () => number
  style: Style
  resultText: ResultText
  /** Results, errors, warnings and findings only. */
  quiet: boolean
}

/** One event, one line on stderr: for logs. Progress of a task every ten seconds and at its end. */
export function linesRenderer({ stdout, stderr, clock, style, resultText, quiet }: LinesOptions): Renderer {
  const tasks = new Map<string, { progress: Progress; shownAt: number }>()
  return {
    event(event) {
      if (event.type === 'result') return stdout.write(resultText(event.command, event.result))
      if (event.type === 'error') return stderr.write(describeFailure(event, style))
      if (quiet && (event.type === 'phase' || event.type === 'progress' || (event.type === 'log' && event.level !== 'warning'))) return
      if (event.type === 'phase' && event.status === 'start') return stderr.write(`… ${event.name}\n`)
      if (event.type !== 'progress') {
        const line = describeEvent(event, style)
        if (line !== undefined) stderr.write(line)
        return
      }
      const now = clock()
      const task = tasks.get(event.task) ?? { progress: trackProgress(event.task), shownAt: now }
      tasks.set(event.task, task)
      const wasFinished = task.progress.finished
      task.progress.update(event, now)
      if (now - task.shownAt < everyMs && (!task.progress.finished || wasFinished)) return
      task.shownAt = now
      stderr.write(`  ${task.progress.text(now)}\n`)
    },
    close() {},
  }
}
