import { createRequire } from 'node:module'
import { crc32cOf } from './kafka-wire/crc32c.ts'

type Update = (bytes: Uint8Array, before?: number) => number

let native: Update | undefined
let looked = false

/** CRC-32C (Castagnoli) of a stream: `before` is that of all bytes in front of these, 0 at the start. In native code where there is a build of it. */
export function crc32cAfter(before: number, bytes: Uint8Array): number {
  if (!looked) {
    native = loadNative()
    looked = true
  }
  return native === undefined ? crc32cOf(bytes, 0, bytes.length, before) : native(bytes, before) >>> 0
}

/** An optional dependency: there are machines without a build of it. */
function loadNative(): Update | undefined {
  try {
    return (createRequire(import.meta.url)('@node-rs/crc32') as { crc32c: Update }).crc32c
  } catch (error) {
    if (error instanceof Error) return undefined
    throw error
  }
}
