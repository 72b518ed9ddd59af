import { createRequire } from 'node:module'

type Driver = typeof import('@platformatic/kafka')

let loaded: Driver | undefined

/** The driver, loaded with its first use: that takes most of a second, and reading a batch needs it for CRCs, snappy and lz4 alone. */
export function kafkaDriver(): Driver {
  loaded ??= createRequire(import.meta.url)('@platformatic/kafka') as Driver
  return loaded
}

/** CRC-32C in native code: an optional dependency of the driver's, called without the copy that the driver makes. Undefined where it has no build. */
export function nativeCrc32c(): ((bytes: Uint8Array) => number) | undefined {
  const own = createRequire(import.meta.url)
  try {
    return (createRequire(own.resolve('@platformatic/kafka'))('@node-rs/crc32') as { crc32c(bytes: Uint8Array): number }).crc32c
  } catch (error) {
    if (error instanceof Error) return undefined
    throw error
  }
}
