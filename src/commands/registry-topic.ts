import type { Context } from '../base/context.ts'
import { DatapipeError } from '../base/errors.ts'
import type { Finding } from '../base/finding.ts'
import { storedRecords } from '../components/kafka/committed-records.ts'
import type { KafkaPart } from '../components/kafka/part.ts'
import { compareWithTopic } from '../components/registry/compare-topic.ts'
import { inventoryRegistry, type RegistryPart } from '../components/registry/index.ts'
import type { SchemasTopicRecord } from '../components/registry/schemas-topic.ts'
import type { ArtifactReader } from '../repository/artifact.ts'

export interface RegistryTopicOptions {
  parts: { kafka?: KafkaPart | undefined; registry?: RegistryPart | undefined }
  /** Readers of either component's files. */
  kafka: ArtifactReader
  registry: ArtifactReader
  context: Context
}

/**
 * Compares what a backup holds of a Confluent registry twice: its topic, and what it said over REST. Nothing where it holds one of the two
 * alone. Throws `artifact-missing`, `artifact-damaged`.
 */
export async function compareRegistryTopic({ parts, kafka, registry, context }: RegistryTopicOptions): Promise<Finding[]> {
  const topic = parts.kafka?.topics.find(({ name }) => name === parts.registry?.topic.name)
  const [partition] = topic?.partitions ?? []
  if (parts.registry?.kind !== 'confluent' || topic === undefined || partition === undefined) return []
  const records: SchemasTopicRecord[] = []
  for await (const some of storedRecords(kafka, topic.name, partition)) {
    if (context.signal.aborted) throw new DatapipeError('interrupted', 'interrupted while comparing the registry with its topic')
    records.push(...some.map(({ key, value }) => ({ key: key?.toString('utf8') ?? null, value: value?.toString('utf8') ?? null })))
  }
  try {
    return compareWithTopic(await inventoryRegistry({ part: parts.registry, reader: registry }), records)
  } catch (error) {
    if (!(error instanceof DatapipeError) || error.code !== 'not-supported') throw error
    const message = `could not be compared with what the registry says over REST: ${error.message}`
    return [{ severity: 'warning', code: 'registry-not-compared', component: 'registry', item: topic.name, message }]
  }
}
