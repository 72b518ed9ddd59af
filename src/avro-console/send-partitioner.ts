/** Murmur2 as org.apache.kafka.common.utils.Utils computes it: 32 bits, seed 0x9747b28c, little-endian words. */
export function murmur2(bytes: Uint8Array): number {
  const factor = 0x5bd1e995
  const { length } = bytes
  let hash = 0x9747b28c ^ length
  let at = 0
  for (; at + 4 <= length; at += 4) {
    let word = byte(bytes, at) | (byte(bytes, at + 1) << 8) | (byte(bytes, at + 2) << 16) | (byte(bytes, at + 3) << 24)
    word = Math.imul(word, factor)
    word ^= word >>> 24
    hash = Math.imul(hash, factor) ^ Math.imul(word, factor)
  }
  const left = length - at
  if (left >= 3) hash ^= byte(bytes, at + 2) << 16
  if (left >= 2) hash ^= byte(bytes, at + 1) << 8
  if (left >= 1) hash = Math.imul(hash ^ byte(bytes, at), factor)
  hash ^= hash >>> 13
  hash = Math.imul(hash, factor)
  return hash ^ (hash >>> 15)
}

const byte = (bytes: Uint8Array, at: number): number => bytes[at] as number

/** The partition of a key, by its bytes as they are sent: framing and schema id are part of them. */
export function partitionOfKey(key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions
}
