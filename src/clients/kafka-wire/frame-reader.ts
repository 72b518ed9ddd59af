/** Room for what is read before the size of an answer is known; small answers fit whole. */
const scratchBytes = 16 * 1024
/** What claims to be larger comes from something that is no broker. */
const largestAnswer = 1 << 30

/**
 * Cuts what a socket reads into answers (INT32 size, then so many bytes). The socket reads to where an answer will stay (`target`), so that
 * a large one is never copied: only what came with its size is, at most the scratch buffer.
 */
export class FrameReader {
  readonly #onFrame: (frame: Buffer) => void
  readonly #allocate: (size: number) => Buffer
  readonly #scratch = Buffer.allocUnsafeSlow(scratchBytes)
  #held = 0
  #frame: Buffer | undefined
  #filled = 0

  /** `onFrame` gets each answer without its size, in a buffer of its own that `allocate` has made. */
  constructor(onFrame: (frame: Buffer) => void, allocate: (size: number) => Buffer = Buffer.allocUnsafeSlow) {
    this.#onFrame = onFrame
    this.#allocate = allocate
  }

  /** Where the next bytes go. Never empty. */
  target(): Buffer {
    return this.#frame === undefined ? this.#scratch.subarray(this.#held) : this.#frame.subarray(this.#filled)
  }

  /** The first `count` bytes of the target were filled. Throws a RangeError for a size that no answer has. */
  took(count: number): void {
    if (this.#frame !== undefined) {
      this.#filled += count
      if (this.#filled < this.#frame.length) return
      const whole = this.#frame
      this.#frame = undefined
      this.#onFrame(whole)
      return
    }
    this.#held += count
    let at = 0
    while (this.#held - at >= 4) {
      const size = this.#scratch.readInt32BE(at)
      if (size < 4 || size > largestAnswer) throw new RangeError(`an answer of ${size} bytes`)
      const there = Math.min(size, this.#held - at - 4)
      const frame = this.#allocate(size)
      this.#scratch.copy(frame, 0, at + 4, at + 4 + there)
      at += 4 + there
      if (there === size) {
        this.#onFrame(frame)
        continue
      }
      this.#frame = frame
      this.#filled = there
      this.#held = 0
      return
    }
    this.#scratch.copyWithin(0, at, this.#held)
    this.#held -= at
  }
}
