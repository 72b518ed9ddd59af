/** A place in a buffer that reading moves on. Reading past the end throws a RangeError. */
export interface Cursor {
  readonly bytes: Buffer
  at: number
}

function nextByte(cursor: Cursor): number {
  const byte = cursor.bytes[cursor.at]
  if (byte === undefined) throw new RangeError(`record data ends at byte ${cursor.at}`)
  cursor.at++
  return byte
}

/** Reads a zigzag varint of up to 32 bits (lengths, offset deltas). */
export function readVarint(cursor: Cursor): number {
  let byte = nextByte(cursor)
  let raw = byte & 0x7f
  for (let shift = 7; byte & 0x80; shift += 7) {
    if (shift > 28) throw new RangeError(`varint longer than 5 bytes at byte ${cursor.at}`)
    byte = nextByte(cursor)
    raw |= (byte & 0x7f) << shift
  }
  return (raw >>> 1) ^ -(raw & 1)
}

/** Reads a zigzag varlong of up to 64 bits. Timestamps inside one batch can be more than 24.8 days apart: 32 bits would not do. */
export function readVarlong(cursor: Cursor): bigint {
  let byte = nextByte(cursor)
  let raw = byte & 0x7f
  let shift = 7
  for (; byte & 0x80 && shift < 28; shift += 7) {
    byte = nextByte(cursor)
    raw |= (byte & 0x7f) << shift
  }
  if (!(byte & 0x80)) return BigInt((raw >>> 1) ^ -(raw & 1))
  let wide = BigInt(raw)
  for (; byte & 0x80; shift += 7) {
    if (shift > 63) throw new RangeError(`varlong longer than 10 bytes at byte ${cursor.at}`)
    byte = nextByte(cursor)
    wide |= BigInt(byte & 0x7f) << BigInt(shift)
  }
  return BigInt.asIntN(64, (wide >> 1n) ^ -(wide & 1n))
}

/** Moves over a varint or varlong without reading it. */
export function skipVarint(cursor: Cursor): void {
  while (nextByte(cursor) & 0x80);
}

/** Writes a zigzag varint of 32 bits at `at`; gives the place after it. The buffer must have 5 bytes left. */
export function writeVarint(bytes: Buffer, at: number, value: number): number {
  let raw = ((value << 1) ^ (value >> 31)) >>> 0
  while (raw > 0x7f) {
    bytes[at++] = (raw & 0x7f) | 0x80
    raw >>>= 7
  }
  bytes[at++] = raw
  return at
}

/** Writes a zigzag varlong of 64 bits at `at`; gives the place after it. The buffer must have 10 bytes left. */
export function writeVarlong(bytes: Buffer, at: number, given: number | bigint): number {
  if (typeof given === 'number' && given === (given | 0)) return writeVarint(bytes, at, given)
  // Differences of 64-bit numbers wrap around, as they do when a reader adds them up again.
  const value = BigInt.asIntN(64, BigInt(given))
  let raw = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n))
  while (raw > 0x7fn) {
    bytes[at++] = Number(raw & 0x7fn) | 0x80
    raw >>= 7n
  }
  bytes[at++] = Number(raw)
  return at
}

/** How many bytes `writeVarint` needs for `value`. */
export function varintSize(value: number): number {
  const raw = ((value << 1) ^ (value >> 31)) >>> 0
  return raw < 0x80 ? 1 : raw < 0x4000 ? 2 : raw < 0x200000 ? 3 : raw < 0x10000000 ? 4 : 5
}

/** How many bytes `writeVarlong` needs for `value`. */
export function varlongSize(value: number | bigint): number {
  if (typeof value === 'number' && value === (value | 0)) return varintSize(value)
  const wide = BigInt.asIntN(64, BigInt(value))
  let size = 1
  for (let raw = BigInt.asUintN(64, (wide << 1n) ^ (wide >> 63n)) >> 7n; raw > 0n; raw >>= 7n) size++
  return size
}
