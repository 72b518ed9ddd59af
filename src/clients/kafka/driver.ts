import { createRequire } from 'node:module'

type Driver = typeof import('@platformatic/kafka')

let loaded: Driver | undefined

/** The driver, loaded with its first use: that takes most of a second, and reading a batch needs it for CRCs, snappy and lz4 alone. */
export function kafkaDriver(): Driver {
  loaded ??= createRequire(import.meta.url)('@platformatic/kafka') as Driver
  return loaded
}
