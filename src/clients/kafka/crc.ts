import { crc32c as compute } from '@platformatic/kafka'

/** CRC-32C (Castagnoli) of `bytes`, unsigned, as the record batch format uses it (KIP-98). */
export function crc32c(bytes: Buffer): number {
  return compute(bytes) >>> 0
}
