import { DatapipeError } from '../../base/errors.ts'

/** One member of a tar archive. `path` is relative, without `./` in front and `/` behind. */
export interface TarMember {
  path: string
  type: 'file' | 'directory' | 'link'
  /** Permission bits. */
  mode: number
  /** Bytes of a file. */
  size: number
}

/** Takes a member's bytes. Chunks are views into what was pushed. */
export interface MemberSink {
  data(chunk: Buffer): void
  end(): void
}

export interface TarReader {
  /** Takes the archive's next bytes, however they are cut. */
  push(chunk: Buffer): void
  /** Throws `artifact-damaged` when the archive is not whole. */
  end(): void
}

const block = 512

/**
 * Reads a tar archive that is pushed into it: `member` is called for each one, and what it returns gets the bytes.
 * Knows what PostgreSQL's servers and GNU tar's pax format write (POSIX.1-2001, pax): files, directories, symbolic links, extended headers.
 * Throws `artifact-damaged` for everything else, for a wrong header checksum, and for a path that leads out.
 */
export function tarReader(member: (member: TarMember) => MemberSink | undefined): TarReader {
  let header: Buffer[] = []
  let headerBytes = 0
  let sink: MemberSink | undefined
  let left = 0
  let padding = 0
  let zeroBlocks = 0
  let extended: Record<string, string> = {}

  const begin = (bytes: Buffer) => {
    if (bytes.every((byte) => byte === 0)) {
      zeroBlocks++
      return
    }
    if (zeroBlocks > 0) throw damaged('goes on behind its end')
    checkSum(bytes)
    const type = String.fromCharCode(bytes[156] ?? 0)
    const size = extended.size === undefined ? number(bytes, 124, 12) : Number(extended.size)
    left = size
    padding = (block - (size % block)) % block
    if (type === 'x' || type === 'g') {
      const parts: Buffer[] = []
      // A global header tells of the whole archive: nothing that is needed here.
      sink = { data: (chunk) => parts.push(chunk), end: () => (extended = type === 'x' ? records(Buffer.concat(parts)) : {}) }
    } else {
      const kind = kinds[type]
      const path = relative(extended.path ?? ustarPath(bytes))
      if (kind === undefined) throw damaged(`holds ${path} of type ${JSON.stringify(type)}`)
      extended = {}
      if (kind !== 'file') left = padding = 0
      sink = member({ path, type: kind, mode: number(bytes, 100, 8) & 0o7777, size: left })
    }
    if (left === 0) finish()
  }
  const finish = () => {
    const ending = sink
    sink = undefined
    ending?.end()
  }

  return {
    push(chunk) {
      let at = 0
      while (at < chunk.length) {
        if (left > 0) {
          const part = chunk.subarray(at, at + left)
          sink?.data(part)
          left -= part.length
          at += part.length
          if (left === 0) finish()
        } else if (padding > 0) {
          const skipped = Math.min(padding, chunk.length - at)
          padding -= skipped
          at += skipped
        } else {
          const part = chunk.subarray(at, at + block - headerBytes)
          at += part.length
          if (headerBytes === 0 && part.length === block) begin(part)
          else {
            // The chunk's memory may be used again before the rest has come.
            header.push(Buffer.from(part))
            headerBytes += part.length
            if (headerBytes < block) continue
            const whole = Buffer.concat(header)
            header = []
            headerBytes = 0
            begin(whole)
          }
        }
      }
    },
    end() {
      if (left > 0 || padding > 0 || headerBytes > 0 || zeroBlocks < 2) throw damaged('ends early')
    },
  }
}

const kinds: Record<string, TarMember['type'] | undefined> = { '0': 'file', '\0': 'file', '5': 'directory', '2': 'link' }

function ustarPath(bytes: Buffer): string {
  const [name, prefix] = [text(bytes, 0, 100), text(bytes, 345, 155)]
  return prefix === '' ? name : `${prefix}/${name}`
}

function relative(path: string): string {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  if (path.startsWith('/') || parts.includes('..')) throw damaged(`holds a path that leads out: ${path}`)
  return parts.join('/')
}

/** The sum of all bytes of the header, its own field taken for spaces. */
function checkSum(bytes: Buffer): void {
  let sum = 8 * 32
  for (let at = 0; at < block; at++) if (at < 148 || at >= 156) sum += bytes[at] ?? 0
  if (sum !== number(bytes, 148, 8)) throw damaged('has a header with a wrong checksum')
}

/** Octal digits, or a big-endian number behind a byte of 0x80. */
function number(bytes: Buffer, at: number, length: number): number {
  if (((bytes[at] ?? 0) & 0x80) === 0) return Number.parseInt(text(bytes, at, length).trim() || '0', 8)
  return Number(BigInt(`0x${bytes.toString('hex', at, at + length)}`) & ((1n << BigInt(8 * length - 1)) - 1n))
}

function text(bytes: Buffer, at: number, length: number): string {
  const end = bytes.indexOf(0, at)
  return bytes.toString('utf8', at, end === -1 || end > at + length ? at + length : end)
}

/** pax records: `LENGTH KEY=VALUE\n`, the length counts itself. */
function records(bytes: Buffer): Record<string, string> {
  const found: Record<string, string> = {}
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at)
    const length = Number(bytes.toString('latin1', at, space))
    const equals = bytes.indexOf(0x3d, space)
    if (!(length > 0) || space === -1 || equals === -1) throw damaged('has an extended header that does not parse')
    found[bytes.toString('utf8', space + 1, equals)] = bytes.toString('utf8', equals + 1, at + length - 1)
    at += length
  }
  return found
}

function damaged(what: string): DatapipeError {
  return new DatapipeError('artifact-damaged', `the tar archive ${what}`)
}
