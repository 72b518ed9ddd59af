import type { WipeResult } from '../../commands/wipe.ts'

/** A plan as numbered steps; `!` marks those that remove or overwrite something. */
export function planText(steps: WipeResult['plan']): string {
  const width = String(steps.length).length
  return steps
    .map(({ component, text, destructive }, index) => `${String(index + 1).padStart(width)}. ${destructive ? '! ' : '  '}${component}: ${text}\n`)
    .join('')
}
