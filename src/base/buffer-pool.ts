export interface BufferPoolOptions {
  /** Bytes of each kept buffer. */
  bytes: number
  /** How many are kept for the next taker. */
  kept: number
}

/**
 * Buffers that are used again: memory that streams through is otherwise given back only when the collector comes around, which it does by
 * walking everything, and until then the process is larger than its work. Giving back is never a must; a buffer that is not comes to the collector.
 */
export class BufferPool {
  readonly #options: BufferPoolOptions
  readonly #free: ArrayBuffer[] = []
  /** Those that were taken: giving the same one back twice would hand it to two. */
  readonly #taken = new WeakSet<ArrayBufferLike>()

  constructor(options: BufferPoolOptions) {
    this.#options = options
  }

  /** A buffer of exactly `size`, its content whatever was there before. Sizes that a kept one does not fit, or would be wasted on, are made. */
  take(size: number): Buffer {
    const { bytes } = this.#options
    if (size > bytes || size * 8 < bytes) return size < 4096 ? Buffer.allocUnsafe(size) : Buffer.allocUnsafeSlow(size)
    const memory = this.#free.pop() ?? Buffer.allocUnsafeSlow(bytes).buffer
    this.#taken.add(memory)
    return Buffer.from(memory, 0, size)
  }

  /** Nobody reads this buffer, or any view of it, any more. Buffers that are not of the pool are ignored. */
  give({ buffer }: Uint8Array): void {
    if (!this.#taken.delete(buffer) || this.#free.length >= this.#options.kept) return
    this.#free.push(buffer as ArrayBuffer)
  }
}
