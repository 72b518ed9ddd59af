import { DatapipeError, describeError } from '../base/errors.ts'

type Work = readonly (Promise<unknown> | undefined)[]

/**
 * Waits for everything that was started, also when one part fails, so that nothing still works behind an error. Throws the first
 * failure in the order of the list; its message has the others too, so that one look mends everything.
 */
export async function sideBySide<const T extends Work>(work: T): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  const results = await Promise.allSettled(work)
  const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []))
  if (failures.length > 0) throw together(failures)
  return results.map((result) => (result as PromiseFulfilledResult<unknown>).value) as { -readonly [K in keyof T]: Awaited<T[K]> }
}

/** One error that tells of all. An interruption goes before the failures that it caused. */
export function together(failures: unknown[]): unknown {
  const interrupted = failures.find((error) => error instanceof DatapipeError && error.code === 'interrupted')
  const [first] = failures
  if (interrupted !== undefined || failures.length === 1) return interrupted ?? first
  const message = [...new Set(failures.map(describeError))].join('; also: ')
  if (!(first instanceof DatapipeError)) return new Error(message)
  const reasons = failures.flatMap((failure) => (failure instanceof DatapipeError ? (failure.reasons.length > 0 ? failure.reasons : [failure]) : []))
  const path = first.path === undefined ? {} : { path: first.path }
  return new DatapipeError(first.code, message, { hint: first.hint, cause: first.cause, ...path, reasons })
}
