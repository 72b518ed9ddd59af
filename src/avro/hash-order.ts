/** A key's hash as java.util.HashMap uses it, out of Utf8.hashCode of Avro 1.11 (31·h + byte, bytes signed). */
export function utf8Hash(bytes: Uint8Array, from: number, to: number): number {
  let hash = 0
  for (let at = from; at < to; at++) hash = (Math.imul(hash, 31) + (((bytes[at] as number) << 24) >> 24)) | 0
  return hash ^ (hash >>> 16)
}

/** The same out of String.hashCode, for schemas with `avro.java.string`. */
export function stringHash(text: string): number {
  let hash = 0
  for (let at = 0; at < text.length; at++) hash = (Math.imul(hash, 31) + text.charCodeAt(at)) | 0
  return hash ^ (hash >>> 16)
}

/**
 * In which order a HashMap iterates over distinct keys that were put in the order of `hashes`; `initial` is the capacity asked for when it was
 * made. Within a bucket, insertion order. Gives indexes into `hashes`.
 */
export function hashOrder(hashes: readonly number[], initial: number): number[] {
  const order = hashes.map((_, index) => index)
  if (hashes.length < 2) return order
  const mask = capacity(hashes, initial) - 1
  return order.sort((a, b) => ((hashes[a] as number) & mask) - ((hashes[b] as number) & mask) || a - b)
}

/** The table doubles when it is more than three quarters full, and when a bucket would get its ninth entry while it is smaller than 64. */
function capacity(hashes: readonly number[], initial: number): number {
  let size = 1
  while (size < initial) size *= 2
  for (let count = 1; count <= hashes.length; count++) {
    if (count > 8 && size < 64) {
      const bucket = (hashes[count - 1] as number) & (size - 1)
      let before = 0
      for (let index = 0; index < count - 1; index++) if (((hashes[index] as number) & (size - 1)) === bucket) before++
      if (before >= 8) size *= 2
    }
    while (count > size * 0.75) size *= 2
  }
  return size
}
