/**
 * In which order java.util.HashMap gives its entries, for keys in order of their first insertion into a map made with `new HashMap(1)` (Avro's
 * reader of JSON) : by bucket, within one by insertion. Keys are hashed as Avro 1.11 hashes Utf8 (over signed bytes) or, with `utf16`, as
 * java.lang.String. Gives the places of the keys.
 */
export function javaMapOrder(keys: readonly string[], utf16: boolean): number[] {
  let capacity = 1
  while (keys.length > Math.floor(capacity * 0.75)) capacity *= 2
  const buckets = keys.map((key) => {
    const hash = utf16 ? hashOfString(key) : hashOfUtf8(key)
    return (hash ^ (hash >>> 16)) & (capacity - 1)
  })
  return keys.map((_, index) => index).sort((a, b) => (buckets[a] ?? 0) - (buckets[b] ?? 0) || a - b)
}

function hashOfString(text: string): number {
  let hash = 0
  for (let index = 0; index < text.length; index++) hash = (Math.imul(31, hash) + text.charCodeAt(index)) | 0
  return hash
}

function hashOfUtf8(text: string): number {
  let hash = 0
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code > 0x7f) return hashOfBytes(Buffer.from(text.isWellFormed() ? text : text.replaceAll(/\p{Surrogate}/gu, '?'), 'utf8'))
    hash = (Math.imul(31, hash) + code) | 0
  }
  return hash
}

function hashOfBytes(bytes: Uint8Array): number {
  let hash = 0
  for (const byte of bytes) hash = (Math.imul(31, hash) + ((byte << 24) >> 24)) | 0
  return hash
}
