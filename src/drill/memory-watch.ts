import { describeError } from '../base/errors.ts'
import type { Stack } from '../stack/stack.ts'
import type { Engine } from './engine.ts'

/** Looks at the memory of all servers and of the engine from time to time, and keeps the highest sum. Disposing ends it. */
export interface MemoryWatch extends AsyncDisposable {
  /** Bytes; undefined when no look has succeeded. */
  readonly peak: number | undefined
  /** Looks that failed: what they would have seen, nobody knows. */
  readonly missed: number
  /** Why the last of them failed. */
  readonly lastMiss: string | undefined
}

export function watchMemory(stack: Pick<Stack, 'memory'>, engine: Pick<Engine, 'memory'>, everyMs = 1000): MemoryWatch {
  let peak: number | undefined
  let missed = 0
  let lastMiss: string | undefined
  let over = false
  const { promise: ended, resolve: end } = Promise.withResolvers<void>()
  const look = async () => {
    while (!over) {
      try {
        const [servers, own] = await Promise.all([stack.memory(), engine.memory()])
        const sum = Object.values(servers).reduce((total, bytes) => total + bytes, own ?? 0)
        if (sum > (peak ?? 0)) peak = sum
      } catch (error) {
        // A container engine that does not answer for a moment is no reason to end a drill: the miss is counted, and stands beside the peak.
        missed += 1
        lastMiss = describeError(error)
      }
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, everyMs).unref())])
    }
  }
  const looking = look()
  return {
    get peak() {
      return peak
    },
    get missed() {
      return missed
    },
    get lastMiss() {
      return lastMiss
    },
    async [Symbol.asyncDispose]() {
      over = true
      end()
      await looking
    },
  }
}
