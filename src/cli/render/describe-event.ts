import type { DatapipeEvent } from '../../base/events.ts'
import type { Finding } from '../../base/finding.ts'
import { formatSeconds } from './format.ts'
import type { Style } from './style.ts'

/** An error for people: message, path and hint, each on its line; of several reasons each with its own. */
export function describeFailure(error: DatapipeEvent & { type: 'error' }, style: Style): string {
  if (error.reasons !== undefined) {
    const each = error.reasons.map(({ message, path, hint }, index) => {
      const place = path === undefined || message.includes(path) ? '' : `     at: ${path}\n`
      return `  ${index + 1}. ${message}\n${place}     ${style.bold('hint:')} ${hint}\n`
    })
    return `${style.red('error:')} ${error.reasons.length} things stand in the way\n${each.join('')}`
  }
  const path = error.path === undefined || error.message.includes(error.path) ? '' : `  at: ${error.path}\n`
  return `${style.red('error:')} ${error.message}\n${path}  ${style.bold('hint:')} ${error.hint}\n`
}

export function describeFinding(finding: Finding, style: Style): string {
  const severity = { harm: style.red('harm'), warning: style.yellow('warning'), note: style.dim('note') }[finding.severity]
  const next = finding.next === undefined ? '' : `\n  next: ${finding.next}`
  return `${severity}: ${finding.component}: ${finding.message.includes(finding.item) ? '' : `${finding.item}: `}${finding.message}${next}\n`
}

/** The line of a finished phase, a log message or a finding; undefined for what only moves a display. */
export function describeEvent(event: DatapipeEvent, style: Style): string | undefined {
  if (event.type === 'phase' && event.status !== 'start') {
    const mark = event.status === 'done' ? style.green('✓') : style.red('✗')
    return `${mark} ${event.name}${event.seconds === undefined ? '' : style.dim(` ${formatSeconds(event.seconds)}`)}\n`
  }
  if (event.type === 'finding') return describeFinding(event.finding, style)
  if (event.type !== 'log' || event.level === 'debug') return undefined
  const component = event.component === undefined ? '' : `${event.component}: `
  return `${event.level === 'warning' ? `${style.yellow('warning:')} ` : ''}${component}${event.message}\n`
}
