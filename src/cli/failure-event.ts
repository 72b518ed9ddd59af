import { DatapipeError, describeError, errorTable } from '../base/errors.ts'
import type { DatapipeEvent } from '../base/events.ts'

/** The event with the configuration's own name where it says `datapipe.yaml`; `docs/datapipe-yaml.md` is not meant by that. */
export function namingConfig(event: DatapipeEvent & { type: 'error' }, file: string): DatapipeEvent & { type: 'error' } {
  const named = (text: string) => text.replaceAll(/(?<![\w./-])datapipe\.yaml/g, () => file)
  const naming = <T extends { hint: string; path?: string }>(each: T): T => ({
    ...each,
    hint: named(each.hint),
    ...(each.path && { path: named(each.path) }),
  })
  return { ...naming(event), ...(event.reasons && { reasons: event.reasons.map(naming) }) }
}

/**
 * The `error` event of anything thrown: message with its causes for expected failures, the stack for what we did not expect (exit 70).
 * After Ctrl-C whatever failed because of it counts as `interrupted`.
 */
export function failureEvent(error: unknown, signal: AbortSignal): DatapipeEvent & { type: 'error' } {
  if (signal.aborted && !(error instanceof DatapipeError && error.code === 'interrupted')) {
    const { exit, hint } = errorTable.interrupted
    return { type: 'error', code: 'interrupted', exitCode: exit, message: `interrupted: ${describeError(error)}`, hint }
  }
  if (error instanceof DatapipeError && error.code !== 'internal') {
    const { code, exitCode, path, hint } = error
    const reasons = error.reasons.map((reason) => ({
      code: reason.code,
      message: describeError(reason),
      ...(reason.path && { path: reason.path }),
      hint: reason.hint,
    }))
    return {
      type: 'error',
      code,
      exitCode,
      message: describeError(error),
      ...(path === undefined ? {} : { path }),
      hint,
      ...(reasons.length > 1 && { reasons }),
    }
  }
  const { exit, hint } = errorTable.internal
  return { type: 'error', code: 'internal', exitCode: exit, message: stackOf(error), hint }
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return `unexpected: ${String(error)}`
  const stack = error.stack ?? `${error.name}: ${error.message}`
  return error.cause === undefined
    ? `unexpected: ${stack}`
    : `unexpected: ${stack}\ncaused by: ${error.cause instanceof Error ? (error.cause.stack ?? error.cause.message) : String(error.cause)}`
}
