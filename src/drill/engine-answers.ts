import { DatapipeError, type ErrorCode, errorTable } from '../base/errors.ts'
import type { DatapipeEvent } from '../base/events.ts'
import type { ShowResult } from '../commands/show.ts'

/** The error that a command's last line tells of, as one of ours. */
export function errorOfEvent({ code, message, path, hint }: DatapipeEvent & { type: 'error' }): DatapipeError {
  const known = Object.keys(errorTable).find((name): name is ErrorCode => name === code)
  return new DatapipeError(known ?? 'internal', message, { hint, ...(path === undefined ? {} : { path }) })
}

/** JSON has no bigint: counts of records come as decimal text. */
export function withCounts(shown: ShowResult): ShowResult {
  const { kafka } = shown
  if (kafka === undefined) return shown
  return { ...shown, kafka: { ...kafka, topics: kafka.topics.map((topic) => ({ ...topic, records: BigInt(topic.records) })) } }
}
