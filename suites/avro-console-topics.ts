import type { Kafka } from 'kafkajs'
import { expect } from 'vitest'
import type { KafkaConfig } from '../src/base/config.ts'
import { silentContext } from '../src/base/context.ts'
import { buildBatch } from '../src/clients/kafka/build-batch.ts'
import type { Codec } from '../src/clients/kafka/compression.ts'
import { throwOnError } from '../src/clients/kafka/failure.ts'
import { connectKafka, type KafkaClient } from '../src/clients/kafka/kafka-client.ts'
import { produceRaw } from '../src/clients/kafka/produce-raw.ts'
import { type ConsumerCase, consumerCases } from './avro-console-cases.ts'

/** Captured runs that are compared in another way, or not at all, each for its reason. */
const otherwise: Record<string, string> = {
  'consumer/type/double-jdk25': 'doubles are printed as JDK 17 does; JDK 19 and later print other digits',
}

/** The captured runs of the consumer that are compared. */
export const cases = consumerCases().filter(({ name }) => otherwise[name] === undefined)
export const short = (name: string) => name.replace(/^consumer\//, '')
/** Cases mostly wait, so many run at once. */
export const together = (workers: number, work: () => Promise<void>) => Promise.all(Array.from({ length: workers }, work))

/** Each run has a topic of its own. */
export const topicOf = (run: ConsumerCase) => `case-${short(run.name).replaceAll(/[^A-Za-z0-9._-]/g, '-')}`

/** Makes the topics of all cases, and writes their records. */
export async function fillTopics(config: KafkaConfig, kafka: Kafka): Promise<void> {
  await createTopics(kafka)
  await using client = await connectKafka(config, silentContext())
  const unfilled = [...cases]
  await together(8, async () => {
    for (let run = unfilled.shift(); run !== undefined; run = unfilled.shift()) await fill(client, kafka, run)
  })
}

async function createTopics(kafka: Kafka): Promise<void> {
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({
    topics: cases
      .filter(({ name }) => name !== 'consumer/topic-does-not-exist')
      .map((run) => ({
        topic: topicOf(run),
        numPartitions: run.partitions ?? 1,
        // Records of 2023 are older than any retention.
        configEntries: Object.entries({ 'retention.ms': '-1', ...run.topicConfig }).map(([name, value]) => ({ name, value })),
      })),
  })
  await admin.disconnect()
}

/** Writes the case's records with their timestamps, headers and offsets; those of the isolation cases by transactions, the middle one aborted. */
async function fill(client: KafkaClient, kafka: Kafka, run: ConsumerCase): Promise<void> {
  const topic = topicOf(run)
  if (run.records.some(({ offset }, index) => offset === 2 && index === 1)) {
    const producer = kafka.producer({ transactionalId: topic, maxInFlightRequests: 1, idempotent: true })
    await producer.connect()
    for (const [index, record] of run.records.entries()) {
      const transaction = await producer.transaction()
      await transaction.send({ topic, messages: [{ value: bytesOf(record.valueHex) }] })
      await (index === 1 ? transaction.abort() : transaction.commit())
    }
    await producer.disconnect()
    return
  }
  for (const partition of new Set(run.records.map((record) => record.partition))) {
    const records = run.records
      .filter((record) => record.partition === partition)
      .map(({ offset, timestamp, keyHex, valueHex, headers }) => ({
        offset: BigInt(offset),
        timestamp: BigInt(timestamp),
        key: bytesOf(keyHex),
        value: bytesOf(valueHex),
        headers: headers.map(([key, value]) => ({ key: Buffer.from(key, 'utf8'), value: bytesOf(value) })),
      }))
    const codec = (/compressed-(\w+)-batch/.exec(run.name)?.[1] ?? 'none') as Codec
    const batch = [buildBatch({ baseOffset: 0n, records, codec })]
    await client.retrying(
      async () => {
        const answer = await produceRaw(client, await client.leaderOf(topic, partition), 'main', { topic, partition, batch })
        throwOnError(answer.errorCode, `fill ${topic}`, answer.errorMessage)
        expect(answer.baseOffset, run.name).toBe(0n)
      },
      { onRetry: () => client.forgetLeaders(topic) },
    )
  }
}

const bytesOf = (hex: string | null) => (hex === null ? null : Buffer.from(hex, 'hex'))
