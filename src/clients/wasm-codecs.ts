import { createRequire } from 'node:module'

type WasmUtils = typeof import('@platformatic/wasm-utils')

let loaded: WasmUtils | undefined

/** snappy and lz4, which Node does not have, loaded with their first use: most of what is copied from here to there needs neither. */
export function wasmCodecs(): WasmUtils {
  loaded ??= createRequire(import.meta.url)('@platformatic/wasm-utils') as WasmUtils
  return loaded
}
