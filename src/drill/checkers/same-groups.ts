import type { ObservedPosition } from '../observers/observation.ts'
import { type CheckResult, check, FindingList } from './check-result.ts'

/** Every group will be given the same next record, with as many before it and after it. Offsets may differ. */
export function sameGroups(before: ObservedPosition[], after: ObservedPosition[]): CheckResult {
  return check('same-groups', 'kafka', () => {
    const list = new FindingList(
      'kafka',
      'kafka-consumer-groups.sh --describe --group GROUP; with its consumers stopped: kafka-consumer-groups.sh --reset-offsets',
    )
    const name = (position: ObservedPosition) => `${position.group} on ${position.topic}/${position.partition}`
    const next = (position: ObservedPosition) => position.next?.shown ?? 'the end'
    const identity = ({ next: record }: ObservedPosition) =>
      record === null ? 'end' : [record.key, record.value, record.headers, record.timestamp].join(' ')
    let sameOffsets = 0
    for (const position of before) {
      const item = name(position)
      const now = after.find((one) => name(one) === item)
      if (now === undefined) {
        list.harm('position-missing', item, `the group has no position there: it was before ${next(position)}`, position.group)
        continue
      }
      if (now.committed === position.committed) sameOffsets += 1
      if (identity(now) !== identity(position) || now.before !== position.before || now.after !== position.after)
        list.harm(
          'position-moved',
          item,
          `next was ${next(position)} (${position.before} before it, ${position.after} to come), is ${next(now)} (${now.before} before it, ${now.after} to come)`,
          position.group,
        )
      if (now.metadata !== position.metadata)
        list.harm('position-metadata-differs', item, `was ${JSON.stringify(position.metadata)}, is ${JSON.stringify(now.metadata)}`)
    }
    const counts = { groups: new Set(before.map((position) => position.group)).size, positions: before.length, sameOffsets }
    return { counts, findings: list.findings, compared: before.length }
  })
}
