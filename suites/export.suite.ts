import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { silentContext } from '../src/base/context.ts'
import type { ExportResult } from '../src/commands/export.ts'
import type { ImportResult } from '../src/commands/import.ts'
import { kafkaClient } from '../src/drill/observers/kafka-connection.ts'
import { observeKafka } from '../src/drill/observers/observe-kafka.ts'
import type { ObservedRecord } from '../src/drill/observers/observation.ts'
import { compatibleRegistry } from '../src/drill/observers/registry-server.ts'
import { fillKafka } from '../src/drill/workloads/fill-kafka.ts'
import { fillRegistry, parcelSchemas } from '../src/drill/workloads/fill-registry.ts'
import { sendFaithfully } from '../src/drill/workloads/send-faithfully.ts'
import { type EmbeddedStack, startEmbeddedStack } from '../src/stack/embedded/index.ts'
import { SchemaRegistry } from '@kafkajs/confluent-schema-registry'
import { type CliRun, datapipeJson, resultOf, told } from './cli.ts'

/** Topics of a real backup as files, without a server, and back into live topics; the drill's observers compare. */
const context = silentContext()
let stack: EmbeddedStack
let directory: string
let server: { bootstrapServers: string[] }

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'datapipe-export-'))
  stack = await startEmbeddedStack({ components: ['registry'], context })
  const { kafka, registry } = stack.config('file:///unused')
  if (kafka === undefined || registry === undefined) throw new Error('the stack has no registry')
  server = { bootstrapServers: kafka.bootstrapServers }
  await fillRegistry(registry, context.signal)
  await fillKafka(server, registry, { rows: 120, signal: context.signal })
  await makeTopic('avro', 2)
  await makeTopic('avro-again', 2)
  await makeTopic('parcels-again', 3)
  await makeTopic('narrow', 1)
  await sendAvro(registry)
  const text = (file: string) => `${stack.configText(`file://${directory}/${file}`)}`
  await writeFile(join(directory, 'datapipe.yaml'), text('repository'), { mode: 0o600 })
  // Without servers: an export needs the repository alone.
  await writeFile(join(directory, 'offline.yaml'), `repository: { url: "file://${directory}/repository" }\n`)
  const backup = await datapipe('datapipe.yaml', 'backup')
  expect([0, 22], told(backup)).toContain(backup.exitCode)
})

afterAll(async () => {
  await stack?.down()
  await rm(directory, { recursive: true, force: true })
})

const datapipe = (config: string, ...args: string[]): Promise<CliRun> => datapipeJson(['--config', join(directory, config), ...args])

async function makeTopic(topic: string, numPartitions: number): Promise<void> {
  const admin = kafkaClient(server).admin()
  await admin.connect()
  // The records are old: half a minute after its start a broker would begin to delete them.
  const configEntries = [{ name: 'retention.ms', value: '-1' }]
  await admin.createTopics({ topics: [{ topic, numPartitions, configEntries }], waitForLeaders: true })
  await admin.disconnect()
}

/** Two schemas with references in turn, tombstones, headers, old times, both partitions: everything that Avro JSON can and cannot say. */
async function sendAvro(registry: { url: string; username?: string | undefined; password?: string | undefined }): Promise<void> {
  const { url, username = '', password = '' } = await compatibleRegistry(registry, context.signal)
  const encoder = new SchemaRegistry({ host: url, auth: { username, password } })
  const ids = await parcelSchemas(registry, context.signal)
  const records = []
  for (let index = 0; index < 60; index++) {
    const parcel = { id: index, grams: 7, sentAt: 1_760_000_000_000_000 + index, to: { street: 'Rue "de\tla" Paix', zip: null } }
    const value =
      index % 2 === 0
        ? await encoder.encode(ids.first, parcel)
        : await encoder.encode(ids.second, { ...parcel, to: { ...parcel.to, country: 'DE' }, price: Buffer.from([1, 200]), state: 'SENT' })
    records.push({
      partition: index % 2,
      timestamp: 1_700_000_000_000n + BigInt(index),
      key: await encoder.encode(ids.key, { id: index % 7 }),
      value: index % 10 === 9 ? null : value,
      headers: index % 4 === 0 ? ([['trace', Buffer.from([255, 0])]] as [string, Buffer][]) : [],
    })
  }
  await sendFaithfully(server, 'avro', records, 'zstd')
}

async function recordsOf(topic: string): Promise<ObservedRecord[][]> {
  const [observed] = await observeKafka(server, { topics: [topic], signal: context.signal })
  return (observed?.partitions ?? []).map(({ records }) => records)
}

const same = (records: ObservedRecord[][], parts: (keyof ObservedRecord)[]) =>
  records.map((partition) => partition.map((record) => parts.map((part) => record[part]).join(' ')))

test('avro-json with all columns comes back with the same bytes, ids, partitions, order and times; its headers are counted as lost', async () => {
  const output = join(directory, 'whole')
  const run = await datapipe(
    'offline.yaml',
    'export',
    'latest',
    '--topic',
    'avro',
    '--columns',
    'timestamp',
    'partition',
    'offset',
    'key',
    'ids',
    '--output',
    output,
  )
  expect(run.exitCode, told(run)).toBe(0)
  const [file] = resultOf<ExportResult>(run).files
  expect(file).toMatchObject({ topic: 'avro', records: 60, tombstones: 6, partitions: 2, lost: { headers: 15 } })
  expect(file?.schemas.value.map(({ referenced }) => referenced.length)).toEqual([1, 1])
  const lines = (await readFile(join(output, 'avro.avro.json'), 'utf8')).split('\n')
  expect(lines[0]).toMatch(/^CreateTime:1700000000000\tPartition:0\tOffset:0\t\{"id":0\}\t\d+\t\{"id":0,.*Rue \\"de\\tla\\" Paix.*\}\t\d+$/)
  expect(JSON.parse(await readFile(join(output, 'avro.avro.json.about.json'), 'utf8'))).toMatchObject({ topic: 'avro', lost: { headers: 15 } })

  const dry = await datapipe('datapipe.yaml', 'import', '--dry-run', '--topic', 'avro-again', join(output, 'avro.avro.json'))
  expect(dry.exitCode, told(dry)).toBe(0)
  expect((await recordsOf('avro-again')).flat()).toEqual([])
  const back = await datapipe('datapipe.yaml', 'import', '--topic', 'avro-again', join(output, 'avro.avro.json'))
  expect(back.exitCode, told(back)).toBe(0)
  expect(resultOf<ImportResult>(back).files).toEqual([
    { file: join(output, 'avro.avro.json'), topic: 'avro-again', format: 'avro-json', records: 60, tombstones: 6, lost: { headers: 15 } },
  ])
  const parts: (keyof ObservedRecord)[] = ['key', 'value', 'timestamp', 'offset']
  expect(same(await recordsOf('avro-again'), parts)).toEqual(same(await recordsOf('avro'), parts))
})

test('raw brings back everything of topics that are no Avro: headers in order, null and empty, times', async () => {
  const output = join(directory, 'raw')
  const run = await datapipe('offline.yaml', 'export', 'latest', '--topic', 'drill.parcels', '--format', 'raw', '--output', output)
  expect(run.exitCode, told(run)).toBe(0)
  expect(resultOf<ExportResult>(run).files[0]).toMatchObject({ records: 120, lost: {} })
  const back = await datapipe('datapipe.yaml', 'import', '--topic', 'parcels-again', join(output, 'drill.parcels.raw.jsonl'))
  expect(back.exitCode, told(back)).toBe(0)
  const parts: (keyof ObservedRecord)[] = ['key', 'value', 'headers', 'timestamp', 'offset']
  expect(same(await recordsOf('parcels-again'), parts)).toEqual(same(await recordsOf('drill.parcels'), parts))
})

test('what cannot be exported or imported is said, and leaves nothing behind', async () => {
  const output = join(directory, 'refused')
  const notAvro = await datapipe('offline.yaml', 'export', 'latest', '--topic', 'drill.settings', '--output', output)
  expect(notAvro.error).toMatchObject({ code: 'not-supported', path: 'drill.settings/0/0', hint: expect.stringContaining('--format raw') as string })
  const nothing = await datapipe('offline.yaml', 'export', 'latest', '--topic', 'drill.sett', '--output', output)
  expect(nothing.error).toMatchObject({ code: 'usage', path: 'drill.sett' })
  const bare = await datapipe('offline.yaml', 'export', 'latest', '--topic', 'avro', '--output', output)
  expect(bare.exitCode, told(bare)).toBe(0)
  const file = join(output, 'avro.avro.json')
  const twice = await datapipe('offline.yaml', 'export', 'latest', '--topic', 'avro', '--output', output)
  expect(twice.error).toMatchObject({ code: 'target-not-empty', path: file })

  // Values of two schemas, and no ids in the file: nobody can know which.
  const ids = await datapipe('datapipe.yaml', 'import', '--topic', 'narrow', file)
  expect(ids.error).toMatchObject({ code: 'usage', message: expect.stringContaining('of 2 schemas') as string })
  const wrong = await datapipe('datapipe.yaml', 'import', '--topic', 'narrow', file, '--value-schema', '9999')
  expect(wrong.error).toMatchObject({ code: 'ids-would-change' })
  const narrow = await datapipe('datapipe.yaml', 'import', '--topic', 'narrow', join(directory, 'whole', 'avro.avro.json'))
  expect(narrow.error).toMatchObject({ code: 'usage', message: expect.stringContaining('has 1 partitions') as string })
  expect((await recordsOf('narrow')).flat()).toEqual([])
})
