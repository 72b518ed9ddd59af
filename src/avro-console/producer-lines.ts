import { javaUtf8 } from '../avro/java-utf8.ts'

const lineFeed = 0x0a
const carriageReturn = 0x0d

/** Cuts chunks of UTF-8 bytes into lines as java.io.BufferedReader does: at \n, \r or \r\n; a last line needs no end. */
export interface LineCutter {
  /** The lines that end in this chunk. */
  cut(chunk: Buffer): string[]
  /** The line without an end, if there is one. */
  rest(): string | undefined
}

export function lineCutter(): LineCutter {
  let pending: Buffer[] = []
  let afterReturn = false
  const whole = (tail: Buffer): string => {
    if (pending.length === 0) return javaUtf8(tail)
    const line = javaUtf8(Buffer.concat([...pending, tail]))
    pending = []
    return line
  }
  return {
    cut(chunk) {
      const lines: string[] = []
      let from = afterReturn && chunk[0] === lineFeed ? 1 : 0
      if (chunk.length > 0) afterReturn = false
      let feed = chunk.indexOf(lineFeed, from)
      let back = chunk.indexOf(carriageReturn, from)
      while (feed >= 0 || back >= 0) {
        const end = back < 0 || (feed >= 0 && feed < back) ? feed : back
        lines.push(whole(chunk.subarray(from, end)))
        from = end + 1
        if (end === back) {
          if (from === chunk.length) afterReturn = true
          else if (chunk[from] === lineFeed) from++
        }
        if (feed >= 0 && feed < from) feed = chunk.indexOf(lineFeed, from)
        if (back >= 0 && back < from) back = chunk.indexOf(carriageReturn, from)
      }
      if (from < chunk.length) pending.push(chunk.subarray(from))
      return lines
    },
    rest() {
      return pending.length === 0 ? undefined : whole(Buffer.alloc(0))
    },
  }
}
