/** Eight tables: the remainder of a byte that 0 to 7 further bytes follow (polynomial 0x1EDC6F41, reflected). */
const tables: Int32Array[] = []
for (let level = 0; level < 8; level++) {
  const previous = tables[level - 1]
  tables.push(
    Int32Array.from({ length: 256 }, (_, byte) => {
      let remainder = previous === undefined ? byte : (previous[byte] ?? 0)
      if (previous !== undefined) return (tables[0]?.[remainder & 0xff] ?? 0) ^ (remainder >>> 8)
      for (let bit = 0; bit < 8; bit++) remainder = remainder & 1 ? (remainder >>> 1) ^ 0x82f63b78 : remainder >>> 1
      return remainder
    }),
  )
}
const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as [Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array]

/** CRC-32C of `bytes` from `from` to `to`, unsigned, without a driver: eight bytes a step. `before` is that of the bytes in front of them. */
export function crc32cOf(bytes: Uint8Array, from = 0, to: number = bytes.length, before = 0): number {
  let crc = ~before
  let at = from
  for (const end = to - 7; at < end; at += 8) {
    crc ^= word(bytes, at)
    const next = word(bytes, at + 4)
    crc =
      entry(t7, crc & 0xff) ^
      entry(t6, (crc >>> 8) & 0xff) ^
      entry(t5, (crc >>> 16) & 0xff) ^
      entry(t4, crc >>> 24) ^
      entry(t3, next & 0xff) ^
      entry(t2, (next >>> 8) & 0xff) ^
      entry(t1, (next >>> 16) & 0xff) ^
      entry(t0, next >>> 24)
  }
  for (; at < to; at++) crc = entry(t0, (crc ^ (bytes[at] as number)) & 0xff) ^ (crc >>> 8)
  return ~crc >>> 0
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24)
}

function entry(table: Int32Array, index: number): number {
  return table[index] as number
}
