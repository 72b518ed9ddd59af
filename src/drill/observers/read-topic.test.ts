import { expect, test } from 'vitest'
import { crc32c } from './crc32c.ts'
import { readPartition } from './read-topic.ts'

interface Batch {
  at: number
  /** A letter a record; '' is a batch that compaction emptied. */
  values: string
  length?: number
  producer?: number
  transactional?: boolean
  control?: boolean
}

/** An uncompressed batch of records without key and headers; see record-batch.ts for the grammar. */
function bytesOf({ at, values, length = values.length, producer = -1, transactional = false, control = false }: Batch): Buffer {
  const body = Buffer.concat([...values].map((value, index) => Buffer.from([14, 0, 0, index * 2, 1, 2, value.charCodeAt(0), 0])))
  const head = Buffer.alloc(61)
  head.writeBigInt64BE(BigInt(at), 0)
  head.writeInt32BE(49 + body.length, 8)
  head.writeInt8(2, 16)
  head.writeInt16BE((transactional ? 16 : 0) | (control ? 32 : 0), 21)
  head.writeInt32BE(length - 1, 23)
  head.writeBigInt64BE(BigInt(producer), 43)
  head.writeInt32BE(values.length, 57)
  const batch = Buffer.concat([head, body])
  batch.writeUInt32BE(crc32c(batch.subarray(21)), 17)
  return batch
}

interface Log {
  batches: Batch[]
  aborted?: { producerId: bigint; firstOffset: bigint; marker: bigint }[]
  end: number
  start?: number
  perFetch?: number
}

/** Answers as a broker does: whole batches from the one that holds the offset, and aborted transactions that touch them. */
async function read({ batches, aborted = [], end, start = 0, perFetch = 100 }: Log): Promise<string> {
  const source = {
    fetch: async (_topic: string, _partition: number, offset: bigint) => {
      const found = batches.filter((batch) => BigInt(batch.at + (batch.length ?? batch.values.length)) > offset).slice(0, perFetch)
      const first = BigInt(found[0]?.at ?? 0)
      return { aborted: aborted.filter(({ marker }) => marker >= first), bytes: Buffer.concat(found.map(bytesOf)) }
    },
  }
  const seen: string[] = []
  const wanted = { topic: 't', partition: 0, start: BigInt(start), end: BigInt(end), signal: new AbortController().signal }
  for await (const record of readPartition(source, wanted)) seen.push(`${record.offset}${record.value}`)
  return seen.join(' ')
}

const transaction = (at: number, values: string, producer: number): Batch => ({ at, values, producer, transactional: true })
const marker = (at: number, producer: number): Batch => ({ at, values: 'm', producer, transactional: true, control: true })

test('gives the records from start to before end, over several fetches', async () => {
  const batches = [
    { at: 0, values: 'abc' },
    { at: 3, values: 'd' },
    { at: 4, values: 'ef' },
  ]
  expect(await read({ batches, end: 6, perFetch: 1 })).toBe('0a 1b 2c 3d 4e 5f')
  expect(await read({ batches, start: 1, end: 5 })).toBe('1b 2c 3d 4e')
})

test('an aborted transaction and its marker are left out, its producer is heard again afterwards', async () => {
  const batches = [transaction(0, 'ab', 7), { at: 2, values: 'x' }, marker(3, 7), transaction(4, 'c', 7), marker(5, 7)]
  expect(await read({ batches, aborted: [{ producerId: 7n, firstOffset: 0n, marker: 3n }], end: 6 })).toBe('2x 4c')
})

test('an aborted transaction whose marker comes in a later fetch is left out too', async () => {
  const batches = [transaction(0, 'a', 7), transaction(1, 'b', 8), marker(2, 8), transaction(3, 'c', 7), marker(4, 7)]
  expect(await read({ batches, aborted: [{ producerId: 7n, firstOffset: 0n, marker: 4n }], end: 5, perFetch: 1 })).toBe('1b')
})

test('two producers that abort side by side', async () => {
  const batches = [
    transaction(0, 'a', 7),
    transaction(1, 'b', 8),
    transaction(2, 'c', 7),
    marker(3, 7),
    transaction(4, 'd', 8),
    marker(5, 8),
    { at: 6, values: 'e' },
  ]
  const aborted = [
    { producerId: 8n, firstOffset: 1n, marker: 5n },
    { producerId: 7n, firstOffset: 0n, marker: 3n },
  ]
  expect(await read({ batches, aborted, end: 7 })).toBe('6e')
})

test('records outside a transaction stay although their producer id aborts', async () => {
  const batches = [transaction(0, 'a', 7), { at: 1, values: 'p', producer: 7 }, marker(2, 7)]
  expect(await read({ batches, aborted: [{ producerId: 7n, firstOffset: 0n, marker: 2n }], end: 3 })).toBe('1p')
})

test('batches that compaction thinned or emptied do not stop it', async () => {
  const batches = [
    { at: 0, values: 'a', length: 4 },
    { at: 4, values: '', length: 10 },
    { at: 14, values: 'z' },
  ]
  expect(await read({ batches, end: 15, perFetch: 1 })).toBe('0a 14z')
})

test('a broker that stops short of the end is an error, never a shorter answer', async () => {
  await expect(read({ batches: [{ at: 0, values: 'a' }], end: 2 })).rejects.toMatchObject({ code: 'server-refused', path: 't/0' })
})
