import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { DatapipeError } from '../base/errors.ts'
import type { Storage } from './storage.ts'

const bytes = (text: string) => [Buffer.from(text)]

async function read(storage: Storage, path: string, range?: { start?: number; end?: number }): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of storage.get(path, range)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

async function listed(storage: Storage, prefix: string): Promise<string[]> {
  const paths: string[] = []
  for await (const { path } of storage.list(prefix)) paths.push(path)
  return paths
}

async function failure(work: Promise<unknown>): Promise<DatapipeError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(DatapipeError)
  return error as DatapipeError
}

/** What `storage.ts` promises, as tests; every implementation and wrapper runs them. */
export function storageContract(name: string, create: () => Promise<Storage>): void {
  describe(`storage contract: ${name}`, () => {
    test('what was put comes back, with its size', async () => {
      const storage = await create()
      expect(await storage.put('a/b/c.bin', bytes('hello'))).toBe(5)
      expect(await storage.stat('a/b/c.bin')).toEqual({ bytes: 5 })
      expect(await storage.exists('a/b/c.bin')).toBe(true)
      expect((await read(storage, 'a/b/c.bin')).toString()).toBe('hello')
    })

    test('an empty object is an object', async () => {
      const storage = await create()
      expect(await storage.put('empty', [])).toBe(0)
      expect(await storage.exists('empty')).toBe(true)
      expect((await read(storage, 'empty')).byteLength).toBe(0)
    })

    test('a stream of many odd chunks larger than any buffer comes back byte for byte', async () => {
      const storage = await create()
      const block = randomBytes(300_007)
      const sizes = [0, 1, 7, 65_536, 299_999, 300_007, 12]
      const expected: Buffer[] = []
      async function* source() {
        for (let round = 0; round < 10; round++) {
          for (const size of sizes) {
            expected.push(block.subarray(0, size))
            yield block.subarray(0, size)
          }
        }
      }
      const written = await storage.put('big', source())
      const whole = Buffer.concat(expected)
      expect(written).toBe(whole.byteLength)
      expect((await read(storage, 'big')).equals(whole)).toBe(true)
    })

    test('a range is start inclusive, end exclusive, clipped to the object', async () => {
      const storage = await create()
      await storage.put('digits', bytes('0123456789'))
      expect((await read(storage, 'digits', { start: 2, end: 5 })).toString()).toBe('234')
      expect((await read(storage, 'digits', { start: 7 })).toString()).toBe('789')
      expect((await read(storage, 'digits', { end: 3 })).toString()).toBe('012')
      expect((await read(storage, 'digits', { start: 8, end: 99 })).toString()).toBe('89')
      expect((await read(storage, 'digits', { start: 20 })).toString()).toBe('')
    })

    test('a reader that stops early leaves the object readable', async () => {
      const storage = await create()
      await storage.put('long', [randomBytes(3 << 20)])
      for await (const chunk of storage.get('long')) {
        expect(chunk.byteLength).toBeGreaterThan(0)
        break
      }
      expect((await read(storage, 'long')).byteLength).toBe(3 << 20)
    })

    test('a second put is refused with the path, and the first bytes stay', async () => {
      const storage = await create()
      await storage.put('once', bytes('first'))
      expect(await failure(storage.put('once', bytes('second')))).toMatchObject({ code: 'storage-failed', path: 'once' })
      expect((await read(storage, 'once')).toString()).toBe('first')
    })

    test('of many puts at once exactly one wins, whole', async () => {
      const storage = await create()
      const results = await Promise.allSettled(Array.from({ length: 8 }, (_, index) => storage.put('race', [Buffer.alloc(200_000, index)])))
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      const kept = await read(storage, 'race')
      expect(kept.byteLength).toBe(200_000)
      expect(kept.every((byte) => byte === kept[0])).toBe(true)
    })

    test('a source that fails half-way leaves nothing behind, and the path stays free', async () => {
      const storage = await create()
      async function* source() {
        yield Buffer.alloc(2 << 20)
        throw new DatapipeError('interrupted', 'stopped by the test')
      }
      expect((await failure(storage.put('half', source()))).code).toBe('interrupted')
      expect(await storage.exists('half')).toBe(false)
      expect(await listed(storage, '')).toEqual([])
      await storage.put('half', bytes('now whole'))
      expect((await read(storage, 'half')).toString()).toBe('now whole')
    })

    test('an object does not exist before its put resolves', async () => {
      const storage = await create()
      async function* source() {
        yield Buffer.alloc(2 << 20)
        expect(await storage.exists('slow')).toBe(false)
        expect(await listed(storage, '')).toEqual([])
        yield Buffer.alloc(2 << 20)
      }
      await storage.put('slow', source())
      expect(await listed(storage, '')).toEqual(['slow'])
    })

    test('a missing path: get and stat name it, exists says no, remove is no error', async () => {
      const storage = await create()
      await storage.put('there/file', bytes('x'))
      for (const path of ['gone', 'there/gone', 'there', 'there/file/below']) {
        expect(await failure(storage.stat(path))).toMatchObject({ code: 'artifact-missing', path })
        expect(await failure(read(storage, path))).toMatchObject({ code: 'artifact-missing', path })
        expect(await storage.exists(path)).toBe(false)
      }
      await storage.remove('gone')
      await storage.remove('there/gone')
      expect(await listed(storage, '')).toEqual(['there/file'])
    })

    test('list gives every object under a prefix in byte order of the path', async () => {
      const storage = await create()
      const paths = ['a.b', 'a/b', 'a-b', 'a/b.c', 'ab', 'a/ä', 'a/z/1', 'a/z-1', 'b', 'a/Z', 'a/\u{1F600}', 'a/\uFB01']
      for (const path of paths) await storage.put(path, bytes(path))
      const sorted = [...paths].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      expect(await listed(storage, '')).toEqual(sorted)
      expect(await listed(storage, 'a/')).toEqual(sorted.filter((path) => path.startsWith('a/')))
      expect(await listed(storage, 'a/z')).toEqual(['a/z-1', 'a/z/1'])
      expect(await listed(storage, 'nothing/here')).toEqual([])
    })

    test('list knows more objects than a page of an object store holds', async () => {
      const storage = await create()
      const paths = Array.from({ length: 1100 }, (_, index) => `many/${String(index).padStart(5, '0')}`)
      for (let at = 0; at < paths.length; at += 50) await Promise.all(paths.slice(at, at + 50).map((path) => storage.put(path, [])))
      expect(await listed(storage, 'many/')).toEqual(paths)
    })

    test('a removed object is gone, its neighbours stay, and its path can be used again', async () => {
      const storage = await create()
      await storage.put('d/one', bytes('1'))
      await storage.put('d/two', bytes('2'))
      await storage.remove('d/one')
      expect(await listed(storage, '')).toEqual(['d/two'])
      await storage.remove('d/two')
      expect(await listed(storage, '')).toEqual([])
      await storage.put('d/one', bytes('again'))
      expect((await read(storage, 'd/one')).toString()).toBe('again')
    })

    test.each(['', '/a', 'a/', 'a//b', '.', '..', '../a', 'a/../b', 'a/./b', 'a\0b', 'x'.repeat(256), `${'y/'.repeat(600)}y`, '.datapipe-tmp-1'])(
      'refuses the path %j',
      async (path) => {
        const storage = await create()
        expect((await failure(storage.put(path, bytes('x')))).code).toBe('storage-failed')
        expect((await failure(read(storage, path))).code).toBe('storage-failed')
        expect(await listed(storage, '')).toEqual([])
      },
    )

    test('names with spaces, quotes, percent signs and unicode are taken as they are', async () => {
      const storage = await create()
      const path = 'a b/"quoted"/100%/Ünïcode\u0301/日本/back\\slash/new\nline'
      await storage.put(path, bytes('odd'))
      expect(await listed(storage, 'a b/')).toEqual([path])
      expect((await read(storage, path)).toString()).toBe('odd')
    })
  })
}
