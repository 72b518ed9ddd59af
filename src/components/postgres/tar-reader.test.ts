import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { tarReader } from './tar-reader.ts'

/** Too long for the name field: ustar splits it, pax adds a header. */
const far = `${'x'.repeat(60)}/${'y'.repeat(60)}`
let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'datapipe-tar-'))
  await mkdir(join(directory, far), { recursive: true })
  await writeFile(join(directory, far, 'long'), 'far')
  await writeFile(join(directory, 'empty'), '')
  await writeFile(join(directory, 'odd'), Buffer.alloc(70_001, 'o'))
  await writeFile(join(directory, 'even'), Buffer.alloc(1024, 'e'), { mode: 0o640 })
  await symlink('/elsewhere', join(directory, 'link'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

async function tar(format: string): Promise<Buffer> {
  const args = ['--create', '--file=-', `--format=${format}`, '--sort=name', '--mode=u+rw', `--directory=${directory}`, '.']
  return (await promisify(execFile)('tar', args, { encoding: 'buffer', maxBuffer: 1 << 24 })).stdout
}

/** What a reader says of an archive that is pushed in pieces of `size` bytes. */
function read(bytes: Buffer, size: number): Record<string, string> {
  const found: Record<string, string> = {}
  const reader = tarReader(({ path, type, size: declared }) => {
    const parts: Buffer[] = []
    found[path] = type
    if (type !== 'file') return undefined
    return {
      data: (chunk) => void parts.push(Buffer.from(chunk)),
      end() {
        found[path] = `${declared}:${Buffer.concat(parts).subarray(0, 3)}`
      },
    }
  })
  for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size))
  reader.end()
  return found
}

test.each(['pax', 'ustar'])('reads what tar writes as %s, however it is cut', async (format) => {
  const bytes = await tar(format)
  for (const size of [1, 511, 512, 513, 4096, 1 << 20]) {
    expect(read(bytes, size), String(size)).toEqual({
      '': 'directory',
      ['x'.repeat(60)]: 'directory',
      [far]: 'directory',
      [`${far}/long`]: '3:far',
      empty: '0:',
      even: '1024:eee',
      link: 'link',
      odd: '70001:ooo',
    })
  }
})

test('a size beyond what octal digits hold is read from its binary form', () => {
  const header = headerOf('big', '0')
  header.fill(0, 124, 136)
  header[124] = 0x80
  header.writeBigUInt64BE(9_000_000_000n, 128)
  const sizes: number[] = []
  tarReader(({ size }) => {
    sizes.push(size)
    return undefined
  }).push(summed(header))
  expect(sizes).toEqual([9_000_000_000])
})

test('an archive that is cut is refused, wherever', async () => {
  const bytes = await tar('ustar')
  const end = bytes.lastIndexOf('o'.repeat(100)) + 100
  for (const length of [0, 100, 512, end - 5, end, end + 512])
    expect(() => read(bytes.subarray(0, length), 4096), String(length)).toThrow('ends early')
})

test('a path that leads out, a device and a wrong header are refused', () => {
  const push = (header: Buffer) => () => tarReader(() => undefined).push(header)
  expect(push(summed(headerOf('../etc/passwd', '0')))).toThrow('leads out')
  expect(push(summed(headerOf('/etc/passwd', '0')))).toThrow('leads out')
  expect(push(summed(headerOf('disk', '4')))).toThrow('of type "4"')
  expect(push(summed(headerOf('hard', '1')))).toThrow('of type "1"')
  const changed = summed(headerOf('fine', '0'))
  changed[0] = 'l'.charCodeAt(0)
  expect(push(changed)).toThrow('wrong checksum')
  expect(push(Buffer.alloc(512, 'x'))).toThrow('wrong checksum')
})

function headerOf(name: string, type: string): Buffer {
  const header = Buffer.alloc(512)
  header.write(name, 0)
  header.write('0000600\0', 100)
  header.write('00000000000\0', 124)
  header.write(type, 156)
  header.write('ustar\u000000', 257)
  return header
}

function summed(header: Buffer): Buffer {
  header.fill(' ', 148, 156)
  header.write(
    `${header
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
  )
  return header
}
