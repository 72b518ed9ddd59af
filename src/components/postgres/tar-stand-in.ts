/** A tar archive with these files and the directories that they need, as a PostgreSQL server makes it: for tests. */
export function tarOf(files: Record<string, Buffer>): Buffer {
  const blocks: Buffer[] = []
  const made = new Set<string>()
  for (const [path, bytes] of Object.entries(files)) {
    const parts = path.split('/').slice(0, -1)
    for (let depth = 1; depth <= parts.length; depth++) {
      const directory = parts.slice(0, depth).join('/')
      if (!made.has(directory)) blocks.push(header(`${directory}/`, '5', 0, 0o700))
      made.add(directory)
    }
    blocks.push(header(path, '0', bytes.length, 0o600), bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512))
  }
  return Buffer.concat([...blocks, Buffer.alloc(1024)])
}

function header(path: string, type: string, size: number, mode: number): Buffer {
  const bytes = Buffer.alloc(512)
  bytes.write(path, 0)
  bytes.write(`${mode.toString(8).padStart(7, '0')}\0`, 100)
  bytes.write(`${size.toString(8).padStart(11, '0')}\0`, 124)
  bytes.write(' '.repeat(8), 148)
  bytes.write(type, 156)
  bytes.write('ustar\u000000', 257)
  bytes.write(
    `${bytes
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
  )
  return bytes
}
