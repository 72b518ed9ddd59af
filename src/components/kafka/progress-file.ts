import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { z } from 'zod'
import { DatapipeError } from '../../base/errors.ts'
import { stringifyJson } from '../../base/lossless-json.ts'
import type { Artifact, ArtifactReader, ArtifactWriter } from '../../repository/artifact.ts'
import { artifactSummarySchema } from './artifact-summary.ts'
import type { KafkaPart } from './part.ts'
import type { PartitionChain } from './partition-chain.ts'

/** Name of the file, below the component's directory, that the next backup goes on from. */
export const progressFile = 'progress.json.zst'

const progressSchema = z.strictObject({
  format: z.literal(1),
  topics: z.array(
    z.strictObject({
      name: z.string(),
      topicId: z.string(),
      partitions: z.array(z.strictObject({ partition: z.number().int().nonnegative(), summaries: z.array(artifactSummarySchema) })),
    }),
  ),
})
export type TopicsProgress = z.output<typeof progressSchema>['topics']

/** Stores what a later backup needs to go on behind this one: Zstandard around JSON. */
export async function writeProgress(writer: ArtifactWriter, topics: TopicsProgress): Promise<void> {
  await writer.write(progressFile, zstdCompressSync(stringifyJson(z.encode(progressSchema, { format: 1, topics }))))
}

/** The topics of an earlier backup that can be gone on with. */
export interface EarlierTopics {
  /** Keyed `topic/partition`. */
  chains: Map<string, PartitionChain>
}

/**
 * What an earlier backup of the same cluster stored; undefined when it is of another one, or was made before backups could be gone on
 * with. Throws `artifact-damaged`, `artifact-missing`.
 */
export async function readEarlier(part: KafkaPart, reader: ArtifactReader, clusterId: string): Promise<EarlierTopics | undefined> {
  const file = reader.artifacts.find(({ path }) => path.endsWith(`/kafka/${progressFile}`))
  if (file === undefined || part.clusterId !== clusterId) return undefined
  const decoded = progressSchema.safeDecode(JSON.parse(zstdDecompressSync(await reader.readAll(file)).toString('utf8')))
  if (!decoded.success) throw new DatapipeError('artifact-damaged', `${file.path} does not fit`, { path: file.path, cause: decoded.error })
  const byPath = new Map(reader.artifacts.map((artifact) => [artifact.path, artifact]))
  const find = (path: string): Artifact => {
    const artifact = byPath.get(path)
    if (artifact === undefined) throw new DatapipeError('artifact-damaged', `${file.path} names ${path}, which the manifest does not list`, { path })
    return artifact
  }
  const chains = new Map<string, PartitionChain>()
  for (const { name, topicId, partitions } of decoded.data.topics) {
    for (const { partition, summaries } of partitions) {
      chains.set(`${name}/${partition}`, { topicId, summaries, artifacts: summaries.map(({ artifact }) => find(artifact.path)) })
    }
  }
  return { chains }
}
