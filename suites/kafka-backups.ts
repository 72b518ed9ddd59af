import type { Kafka } from 'kafkajs'
import { expect } from 'vitest'
import type { KafkaConfig } from '../src/base/config.ts'
import { silentContext } from '../src/base/context.ts'
import { connectKafka } from '../src/clients/kafka/kafka-client.ts'
import { listOffsets } from '../src/clients/kafka/list-offsets.ts'
import { createTopic } from '../src/clients/kafka/topic-admin.ts'
import { assembleKafkaPart, backupTopics, freezeTopics, readGroups, selectTopics } from '../src/components/kafka/index.ts'
import type { KafkaPart } from '../src/components/kafka/part.ts'
import type { ArtifactWriter } from '../src/repository/artifact.ts'
import { type BackupWriter, createBackupWriter } from '../src/repository/write-backup.ts'
import type { Storage } from '../src/storage/storage.ts'

const context = silentContext()

/** A whole backup of the Kafka component; nothing may be noticed on the way. */
export async function backUp(from: KafkaConfig, writer: ArtifactWriter): Promise<KafkaPart> {
  const selected = await selectTopics(from, context)
  const groups = await readGroups(from, context)
  const frozen = await freezeTopics(from, selected, context)
  expect(frozen.findings).toEqual([])
  const backedUp = await backupTopics({ config: from, topics: selected, frozen, writer, context })
  expect(backedUp.findings).toEqual([])
  return assembleKafkaPart(backedUp, groups)
}

export const backupId = (number: number) => `20250101T00000${number}Z-000${number}`

export async function newBackup(storage: Storage): Promise<BackupWriter> {
  return createBackupWriter({ storage, context, id: backupId(1) })
}

/** Makes the topic where it is not there, and writes `count` records into each partition. */
export async function produceRecords(
  { config, kafka }: { config: KafkaConfig; kafka: Kafka },
  topic: string,
  partitions: number,
  count = 500,
): Promise<void> {
  await using client = await connectKafka(config, context)
  if ((await client.topics([topic])).length === 0) await createTopic(client, { name: topic, partitions, replicationFactor: 1, configs: {} })
  await listOffsets(client, new Map([[topic, [...Array(partitions).keys()]]]), 'latest')
  const producer = kafka.producer()
  await producer.connect()
  for (let partition = 0; partition < partitions; partition++) {
    for (let from = 0; from < count; from += 50) {
      const messages = [...Array(50).keys()].map((index) => ({ partition, key: `k${from + index}`, value: `value ${from + index} `.repeat(20) }))
      await producer.send({ topic, messages })
    }
  }
  await producer.disconnect()
}
