/**
 * The partition that the Java producer's default partitioner chooses for a key (BuiltInPartitioner.partitionForKey: murmur2, sign bit off,
 * modulo the number of partitions). Debezium, Connect and Kafka Streams partition so unless they are told otherwise.
 */
export function defaultPartition(key: Buffer, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions
}

/** Austin Appleby's MurmurHash2, 32 bits, with the seed that Kafka took (org.apache.kafka.common.utils.Utils.murmur2). */
export function murmur2(data: Buffer): number {
  const m = 0x5bd1e995
  let hash = 0x9747b28c ^ data.length
  const whole = data.length & ~3
  for (let at = 0; at < whole; at += 4) {
    let k = Math.imul(data.readInt32LE(at), m)
    k = Math.imul(k ^ (k >>> 24), m)
    hash = Math.imul(hash, m) ^ k
  }
  const rest = data.length - whole
  if (rest >= 3) hash ^= (data[whole + 2] ?? 0) << 16
  if (rest >= 2) hash ^= (data[whole + 1] ?? 0) << 8
  if (rest >= 1) hash = Math.imul(hash ^ (data[whole] ?? 0), m)
  hash = Math.imul(hash ^ (hash >>> 13), m)
  return hash ^ (hash >>> 15)
}
