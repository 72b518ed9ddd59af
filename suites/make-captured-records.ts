/*
  Makes fixtures/records/broker-* anew: `node suites/make-captured-records.ts`. Bytes as a real broker gives them of shapes that only a broker makes:
  thinned by compaction, aborted, appended with its own time, behind deleted records. `broker-records.json` is what kafkajs reads of them.
*/
import { writeFile } from 'node:fs/promises'
import { Kafka, logLevel } from 'kafkajs'
import { silentContext } from '../src/base/context.ts'
import { fetchRaw } from '../src/clients/kafka/fetch-raw.ts'
import { connectKafka } from '../src/clients/kafka/kafka-client.ts'
import { listOffsets } from '../src/clients/kafka/list-offsets.ts'
import { splitBatches } from '../src/clients/kafka/read-batches.ts'
import { startEmbeddedStack } from '../src/stack/embedded/index.ts'
import { fillTopics } from './fill-topics.ts'
import { readEverything } from './kafka-reading.ts'

const context = silentContext()
const topics = ['appended', 'compacted', 'deleted', 'plain', 'transactions']
await using stack = await startEmbeddedStack({ components: ['kafka'], context })
const { kafka: config } = stack.config('file:///unused')
if (config === undefined) throw new Error('the stack has no kafka')
const kafka = new Kafka({ brokers: config.bootstrapServers, logLevel: logLevel.NOTHING })
await fillTopics(kafka, config)
const read = await readEverything(kafka, topics)
await using client = await connectKafka(config, context)
const wanted = new Map(topics.map((topic) => [topic, [0]]))
const [starts, ends] = [await listOffsets(client, wanted, 'earliest'), await listOffsets(client, wanted, 'latest')]
const records: Record<string, unknown> = {}
for (const topic of topics) {
  const end = ends.get(topic)?.get(0) ?? 0n
  const pieces: Buffer[] = []
  for (let offset = starts.get(topic)?.get(0) ?? 0n; offset < end; ) {
    const place = { topic, partition: 0, offset, maxBytes: 1 << 20, isolation: 0 as const, maxWaitMs: 500 }
    const { batches } = splitBatches((await fetchRaw(client, await client.leaderOf(topic, 0), 'capture', place)).records)
    for (const { bytes, header } of batches) {
      if (header.lastOffset >= offset) pieces.push(Buffer.from(bytes))
      offset = header.lastOffset + 1n
    }
    if (batches.length === 0) break
  }
  await writeFile(new URL(`../fixtures/records/broker-${topic}.batches`, import.meta.url), Buffer.concat(pieces))
  records[topic] = read[`${topic}/0`]
}
await writeFile(new URL('../fixtures/records/broker-records.json', import.meta.url), `${JSON.stringify(records)}\n`)
