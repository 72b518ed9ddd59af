import type { Finding } from '../../base/finding.ts'
import type { KafkaClient } from '../../clients/kafka/kafka-client.ts'
import { epochEnds } from '../../clients/kafka/leader-epochs.ts'
import type { ArtifactWriter } from '../../repository/artifact.ts'
import { type ArtifactSummary, type PartitionNote, partitionNoteSchema } from './artifact-summary.ts'
import type { FrozenPartition, FrozenTopics } from './freeze.ts'
import { type PartitionChain, usableFiles } from './partition-chain.ts'
import type { EarlierTopics } from './progress-file.ts'
import type { TopicInfo } from './select-topics.ts'

/** Where a partition is gone on with. */
export interface GoOn {
  /** What is stored already, by an interrupted run or by earlier backups. */
  before: ArtifactSummary[]
  /** Directory for what is stored now. */
  round: number
}

export interface GoOnOptions {
  client: KafkaClient
  topics: TopicInfo[]
  frozen: FrozenTopics
  earlier: EarlierTopics | undefined
  writer: ArtifactWriter
}

/**
 * Decides for every partition, keyed `topic/partition`, what of an interrupted run and of earlier backups stands: the same topic, files
 * that are all there, and a log that still holds what was read from it. The rest is stored anew; where that is a surprise a finding says so.
 */
export async function goOn({ client, topics, frozen, earlier, writer }: GoOnOptions): Promise<{ plans: Map<string, GoOn>; findings: Finding[] }> {
  const notes = rememberedPartitions(writer)
  const findings: Finding[] = []
  const plans = new Map<string, GoOn>()
  for (const topic of topics) {
    for (const partition of frozen.topics.get(topic.name) ?? []) {
      const key = `${topic.name}/${partition.partition}`
      const remembered = notes.get(key)
      const chain = earlier?.chains.get(key)
      const own = remembered && joined(remembered, chain, topic.topicId, partition)
      const before = own ?? (chain === undefined ? [] : usableFiles(chain, topic.topicId, partition))
      plans.set(key, { before, round: remembered === undefined ? 1 : own === undefined ? remembered.round + 1 : remembered.round })
    }
  }
  for (const key of await replacedLogs(client, plans)) {
    findings.push(anew('log-replaced', key, 'the log no longer holds what was read from it before (an unclean leader election?)'))
    plans.set(key, { before: [], round: (notes.get(key)?.round ?? 0) + 1 })
  }
  for (const [key, { before }] of plans) {
    const listed = new Map(earlier?.chains.get(key)?.artifacts.map((artifact) => [artifact.path, artifact]))
    const files = before.flatMap(({ artifact }) => listed.get(artifact.path) ?? [])
    if (await writer.refer(files)) continue
    findings.push(anew('stored-files-missing', key, 'files that earlier backups have stored are missing or short (run `datapipe verify --all`)'))
    plans.set(key, { before: [], round: (notes.get(key)?.round ?? 0) + 1 })
  }
  return { plans, findings }
}

/** The files that an interrupted run stored, behind those of earlier backups that it went on from; undefined when they do not fit any more. */
function joined(
  { notes }: RememberedPartition,
  chain: PartitionChain | undefined,
  topicId: string,
  frozen: FrozenPartition,
): ArtifactSummary[] | undefined {
  const [first] = notes
  if (first === undefined || notes.some((note) => note.topicId !== topicId)) return undefined
  const at = first.previous === null ? -1 : (chain?.summaries.findIndex(({ artifact }) => artifact.path === first.previous) ?? -1)
  if (first.previous !== null && at < 0) return undefined
  const all = [...(chain?.summaries.slice(0, at + 1) ?? []), ...notes.map(({ summary }) => summary)]
  const last = all.at(-1)
  if (last === undefined || last.artifact.lastOffset >= frozen.highWatermark) return undefined
  // Nothing may be missing between the log start of now and what was stored from the log start of then.
  return all.filter(({ artifact }) => artifact.lastOffset >= frozen.startOffset)
}

interface RememberedPartition {
  /** A chain: each names the file of the one before. */
  notes: PartitionNote[]
  round: number
}

/** What an interrupted run remembered, the newest round of each partition. */
function rememberedPartitions(writer: ArtifactWriter): Map<string, RememberedPartition> {
  const found = new Map<string, RememberedPartition>()
  for (const { key, note } of writer.notes()) {
    const match = /^kafka\/([^/]+)\/(\d+)\/(\d+)\/\d+$/.exec(key)
    if (match === null) continue
    const name = `${decodeURIComponent(match[1] ?? '')}/${match[2]}`
    const round = Number(match[3])
    const known = found.get(name)
    const entry = known === undefined || known.round < round ? { notes: [], round } : known
    found.set(name, entry)
    const decoded = partitionNoteSchema.safeDecode(note as never)
    const previous = entry.notes.at(-1)?.summary.artifact.path
    // A note that another version wrote, or whose file is gone, ends what can be used of this partition.
    if (decoded.success && (previous === undefined || decoded.data.previous === previous)) entry.notes.push(decoded.data)
  }
  return found
}

/** The partitions whose log does not hold any more what their last stored batch belonged to. */
async function replacedLogs(client: KafkaClient, plans: Map<string, GoOn>): Promise<string[]> {
  const lasts = [...plans].flatMap(([key, { before }]) => {
    const last = before.at(-1)
    const slash = key.lastIndexOf('/')
    return last === undefined ? [] : [{ key, topic: key.slice(0, slash), partition: Number(key.slice(slash + 1)), last }]
  })
  const wanted = new Map<string, Map<number, number>>()
  for (const { topic, partition, last } of lasts) {
    wanted.set(topic, (wanted.get(topic) ?? new Map<number, number>()).set(partition, last.leaderEpoch))
  }
  const ends = await epochEnds(client, wanted)
  return lasts
    .filter(({ topic, partition, last }) => {
      const end = ends.get(topic)?.get(partition)
      return end === undefined || end.leaderEpoch !== last.leaderEpoch || end.endOffset <= last.artifact.lastOffset
    })
    .map(({ key }) => key)
}

function anew(code: string, item: string, why: string): Finding {
  return { severity: 'warning', code, component: 'kafka', item, message: `stored anew from its start: ${why}` }
}
