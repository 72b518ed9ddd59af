import type { DatapipeConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import type { ClientFiles } from './client-files.ts'

/** What the acts share. */
export interface Bench {
  /** Undefined where there is no datapipe.yaml: acts that need a server are then not run. */
  readonly config: DatapipeConfig | undefined
  /** A topic that the tools may create, write to and delete. */
  readonly scratchTopic: string | undefined
  readonly files: ClientFiles
  readonly context: Context
  /** What earlier acts have seen, for later ones. */
  readonly seen: {
    /** The Confluent-compatible API, without credentials. */
    registryUrl?: string
    subjects?: string[]
    /** Topic → a partition that holds records. */
    partitions?: Map<string, { partition: number; earliest: bigint; latest: bigint }>
  }
}

/** Why an act on a server cannot be tried: nothing names the server. */
export function noServer(bench: Bench, component: 'postgres' | 'kafka' | 'registry' | 'connect'): { notRun: string } {
  return { notRun: bench.config === undefined ? 'there is no datapipe.yaml that names servers' : `datapipe.yaml names no ${component}` }
}
