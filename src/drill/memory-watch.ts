import type { Stack } from '../stack/stack.ts'
import type { Engine } from './engine.ts'

/** Looks at the memory of all servers and of the engine from time to time, and keeps the highest sum. Disposing ends it. */
export interface MemoryWatch extends AsyncDisposable {
  /** Bytes; undefined when no look has succeeded. */
  readonly peak: number | undefined
}

export function watchMemory(stack: Stack, engine: Engine, everyMs = 1000): MemoryWatch {
  let peak: number | undefined
  let over = false
  const { promise: ended, resolve: end } = Promise.withResolvers<void>()
  const look = async () => {
    while (!over) {
      const [servers, own] = await Promise.all([stack.memory(), engine.memory()])
      const sum = Object.values(servers).reduce((total, bytes) => total + bytes, own ?? 0)
      if (sum > (peak ?? 0)) peak = sum
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, everyMs).unref())])
    }
  }
  const looking = look()
  // An engine that does not answer for a moment is no reason to end a drill; what was seen until then counts.
  looking.catch(() => {})
  return {
    get peak() {
      return peak
    },
    async [Symbol.asyncDispose]() {
      over = true
      end()
      await looking.catch(() => {})
    },
  }
}
