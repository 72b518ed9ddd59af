/**
 * Kafka's primitive types (https://kafka.apache.org/protocol#protocol_types), in the compact forms of the flexible versions: lengths are unsigned
 * varints of length + 1, 0 stands for null, and every structure ends in tagged fields, which are read over and written empty.
 */
export class WireWriter {
  #bytes: Buffer
  #length = 0

  /** `room`: bytes that are expected. */
  constructor(room = 256) {
    this.#bytes = Buffer.allocUnsafe(room)
  }

  #room(size: number): number {
    const at = this.#length
    this.#length += size
    if (this.#length > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#length, this.#bytes.length * 2))
      this.#bytes.copy(larger, 0, 0, at)
      this.#bytes = larger
    }
    return at
  }

  int8(value: number): this {
    const at = this.#room(1)
    this.#bytes.writeInt8(value, at)
    return this
  }

  bool(value: boolean): this {
    return this.int8(value ? 1 : 0)
  }

  int16(value: number): this {
    const at = this.#room(2)
    this.#bytes.writeInt16BE(value, at)
    return this
  }

  int32(value: number): this {
    const at = this.#room(4)
    this.#bytes.writeInt32BE(value, at)
    return this
  }

  int64(value: bigint): this {
    const at = this.#room(8)
    this.#bytes.writeBigInt64BE(value, at)
    return this
  }

  float64(value: number): this {
    const at = this.#room(8)
    this.#bytes.writeDoubleBE(value, at)
    return this
  }

  unsigned(value: number): this {
    let rest = value >>> 0
    for (; rest > 0x7f; rest >>>= 7) this.uint8((rest & 0x7f) | 0x80)
    return this.uint8(rest)
  }

  uint8(value: number): this {
    const at = this.#room(1)
    this.#bytes[at] = value
    return this
  }

  raw(bytes: Uint8Array): this {
    const at = this.#room(bytes.length)
    this.#bytes.set(bytes, at)
    return this
  }

  string(value: string | null): this {
    return this.bytes(value === null ? null : Buffer.from(value, 'utf8'))
  }

  bytes(value: Uint8Array | null): this {
    return value === null ? this.unsigned(0) : this.unsigned(value.length + 1).raw(value)
  }

  /** STRING and NULLABLE_STRING of the older versions: INT16 length, -1 for null. */
  shortString(value: string | null): this {
    if (value === null) return this.int16(-1)
    const bytes = Buffer.from(value, 'utf8')
    return this.int16(bytes.length).raw(bytes)
  }

  array<T>(items: readonly T[] | null, write: (item: T) => unknown): this {
    if (items === null) return this.unsigned(0)
    this.unsigned(items.length + 1)
    for (const item of items) write(item)
    return this
  }

  /** ARRAY and BYTES of the older versions, as in the consumer protocol: INT32 length. */
  longArray<T>(items: readonly T[], write: (item: T) => unknown): this {
    this.int32(items.length)
    for (const item of items) write(item)
    return this
  }

  tags(): this {
    return this.uint8(0)
  }

  finish(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }
}

/** Reads what a broker sent. Reading past the end throws a RangeError. */
export class WireReader {
  readonly bytes: Buffer
  at: number

  constructor(bytes: Buffer, at = 0) {
    this.bytes = bytes
    this.at = at
  }

  int8(): number {
    return this.bytes.readInt8(this.#move(1))
  }

  bool(): boolean {
    return this.int8() !== 0
  }

  int16(): number {
    return this.bytes.readInt16BE(this.#move(2))
  }

  int32(): number {
    return this.bytes.readInt32BE(this.#move(4))
  }

  int64(): bigint {
    return this.bytes.readBigInt64BE(this.#move(8))
  }

  float64(): number {
    return this.bytes.readDoubleBE(this.#move(8))
  }

  /** In the usual form, lower case. */
  uuid(): string {
    return this.slice(16)
      .toString('hex')
      .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
  }

  unsigned(): number {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = this.bytes.readUInt8(this.#move(1))
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value >>> 0
      if (shift > 28) throw new RangeError('a varint of more than 5 bytes')
    }
  }

  string(): string {
    return this.nullableString() ?? ''
  }

  nullableString(): string | null {
    return this.nullableBytes()?.toString('utf8') ?? null
  }

  nullableBytes(): Buffer | null {
    const length = this.unsigned()
    return length === 0 ? null : this.slice(length - 1)
  }

  shortString(): string {
    return this.nullableShortString() ?? ''
  }

  nullableShortString(): string | null {
    const length = this.int16()
    return length < 0 ? null : this.slice(length).toString('utf8')
  }

  array<T>(read: () => T): T[] {
    return this.nullableArray(read) ?? []
  }

  nullableArray<T>(read: () => T): T[] | null {
    const length = this.unsigned()
    return length === 0 ? null : this.#times(length - 1, read)
  }

  longArray<T>(read: () => T): T[] {
    return this.#times(Math.max(0, this.int32()), read)
  }

  tags(): void {
    for (let count = this.unsigned(); count > 0; count--) {
      this.unsigned()
      this.slice(this.unsigned())
    }
  }

  /** The tagged fields, as views. */
  fields(): Map<number, Buffer> {
    const found = new Map<number, Buffer>()
    for (let count = this.unsigned(); count > 0; count--) found.set(this.unsigned(), this.slice(this.unsigned()))
    return found
  }

  /** The next bytes, as a view. */
  slice(length: number): Buffer {
    const from = this.#move(length)
    return this.bytes.subarray(from, from + length)
  }

  #times<T>(count: number, read: () => T): T[] {
    if (count > this.bytes.length - this.at) throw new RangeError(`an array of ${count} items in ${this.bytes.length - this.at} bytes`)
    return Array.from({ length: count }, read)
  }

  #move(length: number): number {
    const from = this.at
    if (from + length > this.bytes.length) throw new RangeError(`an answer that ends at byte ${this.bytes.length}`)
    this.at = from + length
    return from
  }
}
