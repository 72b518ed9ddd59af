import type { OffsetMap } from './offset-map.ts'

/**
 * The map as JSON text, in portions: a thinned partition may have millions of runs. One object a partition and line: `topic`, `partition`
 * as in the backup, `to` (the topic's name in the target), `end` (target offset behind the last restored record) and `runs`, ascending:
 * `[source, target, count]`, consecutive source offsets that became consecutive target offsets. Offsets are decimal strings.
 */
export function* offsetMapLines(map: OffsetMap): Generator<string> {
  let comma = ''
  for (const [key, { runs, used, end, topic }] of map) {
    const slash = key.lastIndexOf('/')
    const source = key.slice(0, slash)
    const head = { topic: source, partition: Number(key.slice(slash + 1)), to: topic ?? source, end: end.toString() }
    let text = `${comma}\n    ${JSON.stringify(head).slice(0, -1)},"runs":[`
    comma = ','
    for (let index = 0; index < used; index++) {
      const [from, to, count] = runs.subarray(index * 3, index * 3 + 3)
      text += `${index === 0 ? '' : ','}["${from}","${to}","${count}"]`
      if (text.length < 64 * 1024) continue
      yield text
      text = ''
    }
    yield `${text}]}`
  }
}
