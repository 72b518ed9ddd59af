import { createRequire } from 'node:module'
import { SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry'
import type { HttpServer } from './http-json.ts'
import { compatibleRegistry, registryClientOptions } from './registry-server.ts'

type Avsc = typeof import('avsc')

/** The avsc that the registry client itself uses; its `long` reads numbers and refuses those beyond 2^53. */
const avsc = createRequire(createRequire(import.meta.url).resolve('@kafkajs/confluent-schema-registry'))('avsc') as Avsc

/** Avro long (zigzag int64, 8 bytes little endian when unpacked) as bigint. */
const bigintLong = avsc.types.LongType.__with({
  fromBuffer: (buffer: Buffer) => buffer.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const buffer = Buffer.alloc(8)
    buffer.writeBigInt64LE(value)
    return buffer
  },
  fromJSON: BigInt,
  toJSON: Number,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
})

/** Puts it in for every long. By a hook, not by avsc's `registry` option: that object collects named types, so a second version of a reference would clash. */
function readLongsAsBigint(schema: unknown): unknown {
  const type = typeof schema === 'object' && schema !== null && 'type' in schema ? schema.type : schema
  return type === 'long' ? bigintLong : undefined
}

/** Decodes Confluent-framed bytes with an independent client; longs are bigint. */
export async function openDecoder(server: HttpServer, signal?: AbortSignal): Promise<SchemaRegistry> {
  return new SchemaRegistry({ ...registryClientOptions(await compatibleRegistry(server, signal)), retry: { retries: 3 } }, {
    [SchemaType.AVRO]: { typeHook: readLongsAsBigint },
  } as never)
}

/** The schema id in front of a payload, or undefined when it is not framed. */
export function framedId(bytes: Buffer | null): number | undefined {
  return bytes !== null && bytes.length >= 5 && bytes[0] === 0 && bytes.readInt32BE(1) > 0 ? bytes.readInt32BE(1) : undefined
}
