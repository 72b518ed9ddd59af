import type { ConnectPart } from '../../components/connect/part.ts'
import type { KafkaPart } from '../../components/kafka/part.ts'
import type { RegistryPart } from '../../components/registry/part.ts'
import { registryTopics } from '../backup/topic-kinds.ts'

export interface TopicChoice {
  /** The registry's own topics: restored raw before the registry starts. */
  registry: string[]
  /** Connect's internal topics: restored raw before the workers start. */
  workers: string[]
  /** Everything that carries data. */
  data: string[]
  /** In the backup, but not restored raw: their owner runs, and its state goes back over REST. */
  evidence: string[]
}

export interface ChoiceOptions {
  part: KafkaPart
  /** The owners' parts, also when `--only` leaves them out: their topics are never data. */
  registry: RegistryPart | undefined
  connect: ConnectPart | undefined
  /** The registry is down and comes back from its topic. */
  registryRaw: boolean
  /** No worker answers. */
  workersDown: boolean
}

/** Which topics of the backup are restored, and when. Pure. */
export function chooseTopics({ part, registry, connect, registryRaw, workersDown }: ChoiceOptions): TopicChoice {
  const ofRegistry = new Set(registryTopics(registry?.topic))
  const ofWorkers = new Set(connect === undefined ? [] : Object.values(connect.internalTopics))
  const names = part.topics.map(({ name }) => name)
  const registryNames = names.filter((name) => ofRegistry.has(name))
  const workerNames = names.filter((name) => ofWorkers.has(name))
  return {
    registry: registryRaw ? registryNames : [],
    workers: workersDown ? workerNames : [],
    data: names.filter((name) => !ofRegistry.has(name) && !ofWorkers.has(name)),
    evidence: [...(registryRaw ? [] : registryNames), ...(workersDown ? [] : workerNames)],
  }
}
