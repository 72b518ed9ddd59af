import type { Context } from '../base/context.ts'
import type { ComponentName } from '../base/events.ts'
import type { LossName } from '../commands/loss-names.ts'
import type { Stack } from '../stack/stack.ts'
import type { Engine, RestoreRequest } from './engine.ts'
import { repairRows, spoilRows } from './lost-rows.ts'
import { deleteTopics } from './workloads/delete-topics.ts'
import { resetGroup } from './workloads/reset-group.ts'
import { resumeConnector, stopConnector } from './workloads/stop-connector.ts'
import { resnapshot } from './workloads/resnapshot.ts'
import type { DrillPipeline } from './prepare-pipeline.ts'
import { wipeWith } from './wipe-with.ts'

/** What a loss is done to, and with what it is brought back. */
export interface Scene {
  stack: Stack
  engine: Engine
  pipeline: DrillPipeline
  registryRoute: RestoreRequest['registryRoute']
  context: Context
  /** Where the run's evidence goes. */
  directory: string
}

/** Parts that a row of the matrix stands for. */
export type DrillPart = 'postgres' | 'rows' | 'cdc' | 'application' | 'internal' | 'registry' | 'connect' | 'groups'

export interface Loss {
  name: LossName
  /** Name in the matrix. */
  drill: string
  /** What the restore brings back to the recovery point; everything else is left alone, and must be as it was at the loss. */
  parts: readonly DrillPart[]
  /** Consumers get rows once more from a new snapshot of the connector: the topics converge, but hold no exact history. */
  resnapshot: boolean
  lose(scene: Scene): Promise<void>
  /** Empty servers in place of those that are gone; the restore starts the rest. */
  bringUp(scene: Scene): Promise<void>
  /** Topics of changes go on growing between the loss and the look at what came back. */
  changes: boolean
  /** What `datapipe restore` is told; undefined where another command brings it back. */
  restore?: Omit<RestoreRequest, 'backup' | 'registryRoute'>
  /** Instead of a restore. */
  bringBack?(scene: Scene, backup: string): Promise<void>
  /** What the runbook has people do behind it. */
  afterRestore?(scene: Scene): Promise<void>
}

const everything: readonly DrillPart[] = ['postgres', 'cdc', 'application', 'internal', 'registry', 'connect', 'groups']
const connectTopics = ['connect-configs', 'connect-offsets', 'connect-status']
const registryTopics = ['kafkasql-journal', 'kafkasql-snapshots', 'registry-events']
const lostTopic = 'drill.parcels'
const lostGroup = 'drill-behind'

/** The servers that depend on others go first. */
async function destroy(stack: Stack, components: ComponentName[]): Promise<void> {
  for (const component of components) await stack.destroy(component)
}

const losses: Record<LossName, Loss> = {
  all: {
    name: 'all',
    drill: 'lose everything',
    parts: everything,
    resnapshot: false,
    changes: false,
    lose: ({ stack }) => destroy(stack, ['connect', 'registry', 'kafka', 'postgres']),
    // Kafka, and the registry unless it comes back from its topic; PostgreSQL and Connect are started in the middle of the restore.
    async bringUp({ stack, registryRoute }) {
      await stack.start('kafka')
      if (registryRoute !== 'raw-topic') await stack.start('registry')
    },
    restore: {},
  },
  postgres: {
    name: 'postgres',
    drill: 'lose PostgreSQL',
    parts: ['postgres', 'cdc', 'application', 'connect', 'groups'],
    resnapshot: false,
    changes: false,
    lose: ({ stack }) => destroy(stack, ['postgres']),
    // Kafka is ahead of what comes back: its topics are taken back to the same point.
    bringUp: ({ engine, context }) => wipeWith(engine, ['connect', 'kafka'], context),
    restore: { only: ['postgres', 'kafka', 'connect'], inPlace: true },
  },
  kafka: {
    name: 'kafka',
    drill: 'lose Kafka',
    parts: ['cdc', 'application', 'internal', 'registry', 'connect', 'groups'],
    resnapshot: true,
    changes: true,
    // The registry and the workers keep their state in Kafka.
    lose: ({ stack }) => destroy(stack, ['connect', 'registry', 'kafka']),
    async bringUp({ stack, registryRoute }) {
      await stack.start('kafka')
      if (registryRoute !== 'raw-topic') await stack.start('registry')
    },
    restore: { only: ['kafka', 'registry', 'connect'], leaveConnectorsStopped: true },
    afterRestore: ({ pipeline, context }) => resnapshot(pipeline, context.signal),
  },
  registry: {
    name: 'registry',
    drill: 'lose the registry',
    parts: ['registry'],
    resnapshot: false,
    changes: false,
    async lose({ stack, pipeline }) {
      await stack.destroy('registry')
      await deleteTopics(pipeline.kafka, registryTopics)
    },
    // A connector that runs would register its schemas in the empty registry, with other ids.
    async bringUp({ stack, pipeline, context }) {
      await stopConnector(pipeline.connect, context.signal)
      await stack.start('registry')
    },
    restore: { only: ['registry'] },
    afterRestore: ({ pipeline, context }) => resumeConnector(pipeline.connect, context.signal),
  },
  connect: {
    name: 'connect',
    drill: 'lose Connect',
    parts: ['connect'],
    resnapshot: false,
    changes: false,
    async lose({ stack, pipeline }) {
      await stack.destroy('connect')
      await deleteTopics(pipeline.kafka, connectTopics)
    },
    bringUp: ({ stack }) => stack.start('connect'),
    restore: { only: ['connect'] },
  },
  topic: {
    name: 'topic',
    drill: 'lose a topic',
    parts: ['application', 'groups'],
    resnapshot: false,
    changes: false,
    lose: ({ pipeline }) => deleteTopics(pipeline.kafka, [lostTopic]),
    bringUp: async () => {},
    restore: { only: ['kafka'], inPlace: true, topics: [lostTopic] },
  },
  rows: {
    name: 'rows',
    drill: 'lose rows',
    parts: ['rows'],
    resnapshot: false,
    changes: true,
    lose: ({ pipeline }) => spoilRows(pipeline.postgresUrl),
    bringUp: async () => {},
    bringBack: repairRows,
  },
  group: {
    name: 'group',
    drill: 'lose the place of a group',
    parts: ['groups'],
    resnapshot: false,
    changes: false,
    lose: ({ pipeline }) => resetGroup(pipeline.kafka, { groupId: lostGroup, topic: lostTopic }),
    bringUp: async () => {},
    restore: { only: ['kafka'], groups: [lostGroup] },
  },
}

export function lossOf(name: LossName): Loss {
  return losses[name]
}
