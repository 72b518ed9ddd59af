/** Where the offsets of one partition went: runs of consecutive source offsets that became consecutive target offsets, ascending. */
interface PartitionMap {
  /** Triples source, target, count; `used` of them. Typed so that a thinned partition costs 24 bytes a run and no objects. */
  runs: BigInt64Array
  used: number
  /** Target offset after the last restored record. */
  end: bigint
  /** The topic's name in the target, when it is another. */
  topic?: string
}

/** From the offsets of a backup to those of the restored topics, keyed `topic/partition` (a topic name has no slash). */
export type OffsetMap = Map<string, PartitionMap>

/** Declares a partition restored, its first free target offset being `end`; without it the partition is unknown to the map. */
export function addPartition(map: OffsetMap, topic: string, partition: number, end: bigint): void {
  map.set(`${topic}/${partition}`, { runs: new BigInt64Array(3), used: 0, end })
}

/** Notes that `count` records of consecutive offsets from `source` became `target` and following. Both must ascend from call to call. */
export function addRun(map: OffsetMap, topic: string, partition: number, run: { source: bigint; target: bigint; count: bigint }): void {
  const own = map.get(`${topic}/${partition}`)
  if (own === undefined) throw new RangeError(`partition ${topic}/${partition} is not in the offset map`)
  own.end = run.target + run.count
  const last = (own.used - 1) * 3
  if (own.used > 0 && at(own, last) + at(own, last + 2) === run.source && at(own, last + 1) + at(own, last + 2) === run.target) {
    own.runs[last + 2] = at(own, last + 2) + run.count
    return
  }
  if (own.used * 3 === own.runs.length) {
    const larger = new BigInt64Array(own.runs.length * 2)
    larger.set(own.runs)
    own.runs = larger
  }
  own.runs.set([run.source, run.target, run.count], own.used * 3)
  own.used++
}

/** Takes a partition over that was restored under its name in the target; the map knows partitions by their names in the backup. */
export function adoptPartition(map: OffsetMap, restored: OffsetMap, names: { source: string; target: string; partition: number }): void {
  const own = restored.get(`${names.target}/${names.partition}`)
  if (own === undefined) throw new RangeError(`partition ${names.target}/${names.partition} is not in the offset map`)
  map.set(`${names.source}/${names.partition}`, names.source === names.target ? own : { ...own, topic: names.target })
}

/** The name that a topic of the backup has in the target. */
export function targetTopic(map: OffsetMap, topic: string, partition: number): string {
  return map.get(`${topic}/${partition}`)?.topic ?? topic
}

/** True when the partition was restored. */
export function isMapped(map: OffsetMap, topic: string, partition: number): boolean {
  return map.has(`${topic}/${partition}`)
}

/** The target offset behind the last restored record. Throws a RangeError for a partition that was not restored. */
export function mapEnd(map: OffsetMap, topic: string, partition: number): bigint {
  const own = map.get(`${topic}/${partition}`)
  if (own === undefined) throw new RangeError(`partition ${topic}/${partition} is not in the offset map`)
  return own.end
}

/**
 * The target offset of the next restored record at or after `source`: never an earlier one, so a consumer may see a record again that it
 * had skipped over but never loses one. Offsets after the last restored record map to the end. Throws a RangeError for a partition that
 * was not restored.
 */
export function mapOffset(map: OffsetMap, topic: string, partition: number, source: bigint): bigint {
  const own = map.get(`${topic}/${partition}`)
  if (own === undefined) throw new RangeError(`partition ${topic}/${partition} is not in the offset map`)
  let low = 0
  let high = own.used
  while (low < high) {
    const middle = (low + high) >>> 1
    if (at(own, middle * 3) + at(own, middle * 3 + 2) > source) high = middle
    else low = middle + 1
  }
  if (low === own.used) return own.end
  const from = at(own, low * 3)
  const target = at(own, low * 3 + 1)
  return source <= from ? target : target + (source - from)
}

function at(own: PartitionMap, index: number): bigint {
  return own.runs[index] ?? 0n
}
