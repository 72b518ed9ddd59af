import type { DatapipeEvent } from '../../base/events.ts'
import { formatAmount, formatSeconds } from './format.ts'

type ProgressEvent = DatapipeEvent & { type: 'progress' }

export interface Progress {
  /** Takes an event in at `now` milliseconds. */
  update(event: ProgressEvent, now: number): void
  /** `checksums  45 %  1.2 GB of 2.6 GB  310 MB/s  4.1 s left`. */
  text(now: number): string
  readonly finished: boolean
  readonly task: string
}

/** The rate is that of the last ten seconds, so that a slow start does not colour the estimate for ever. */
const windowMs = 10_000

/** What is known about one task. */
export function trackProgress(task: string): Progress {
  let last: ProgressEvent | undefined
  let samples: { at: number; done: number }[] = []

  const rate = (now: number): number | undefined => {
    const oldest = samples[0]
    if (last === undefined || oldest === undefined || now - oldest.at < 500) return undefined
    return Math.max(0, (last.done - oldest.done) / ((now - oldest.at) / 1000))
  }
  return {
    task,
    update(event, now) {
      // A task of the same name that begins again.
      if (last !== undefined && event.done < last.done) samples = []
      last = event
      const newest = samples.at(-1)
      if (newest === undefined || now - newest.at >= 250) samples.push({ at: now, done: event.done })
      while (samples.length > 2 && now - (samples[0]?.at ?? now) > windowMs) samples.shift()
    },
    text(now) {
      if (last === undefined) return task
      const { done, total, unit } = last
      const parts = [task]
      if (total !== undefined && total > 0) parts.push(`${Math.min(100, Math.floor((done / total) * 100))} %`)
      parts.push(total === undefined ? formatAmount(done, unit) : `${formatAmount(done, unit)} of ${formatAmount(total, unit)}`)
      const speed = rate(now)
      if (speed !== undefined && speed > 0) {
        parts.push(`${formatAmount(speed, unit)}/s`)
        if (total !== undefined && total > done) parts.push(`${formatSeconds((total - done) / speed)} left`)
      }
      return parts.join('  ')
    },
    get finished() {
      return last?.total !== undefined && last.done >= last.total
    },
  }
}
