/** Items from a socket to one reader who may be slower: see heldQueue. */
export interface HeldQueue<T> extends AsyncIterable<T> {
  /** What is paused when too much waits. */
  attach(stream: { pause(): unknown; resume(): unknown }): void
  push(item: T, bytes: number): void
  /** Nothing follows; with an error the reader gets it after what waits. The first call counts. */
  end(error?: unknown): void
}

/** Holds up to about `limit` bytes, then pauses the attached stream until half of that has been read. */
export function heldQueue<T>(limit: number): HeldQueue<T> {
  let waiting: { item: T; bytes: number }[] = []
  let held = 0
  let paused = false
  let ended: { error?: unknown } | undefined
  let stream: { pause(): unknown; resume(): unknown } | undefined
  let wake: (() => void) | undefined
  const signal = () => {
    wake?.()
    wake = undefined
  }
  return {
    attach(source) {
      stream = source
    },
    push(item, bytes) {
      waiting.push({ item, bytes })
      held += bytes
      if (held > limit && !paused) {
        paused = true
        stream?.pause()
      }
      signal()
    },
    end(error) {
      ended ??= error === undefined ? {} : { error }
      signal()
    },
    async *[Symbol.asyncIterator]() {
      for (;;) {
        const batch = waiting
        waiting = []
        for (const { item, bytes } of batch) {
          held -= bytes
          if (paused && held <= limit / 2) {
            paused = false
            stream?.resume()
          }
          yield item
        }
        if (waiting.length > 0) continue
        if (ended !== undefined) {
          if ('error' in ended) throw ended.error
          return
        }
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    },
  }
}
