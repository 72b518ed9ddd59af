import type { Writable } from 'node:stream'

/** Where lines go. */
export interface LineOutput {
  /** Waits until the bytes are handed over. False when nobody takes them any more: the pipe is closed, the disk is full. */
  write(bytes: Uint8Array): Promise<boolean>
}

/** Writes to a stream and notices that it has failed; the failure is an answer here, not an exception. */
export function lineOutput(stream: Writable): LineOutput {
  let failed = false
  stream.on('error', () => {
    failed = true
  })
  return {
    async write(bytes) {
      if (bytes.length === 0 || failed) return !failed
      return await new Promise((resolve) => {
        stream.write(bytes, (error) => {
          if (error) failed = true
          resolve(!failed)
        })
      })
    },
  }
}
