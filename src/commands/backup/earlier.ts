import type { Context } from '../../base/context.ts'
import { describeError } from '../../base/errors.ts'
import { parseKafkaPart } from '../../components/kafka/part.ts'
import { type EarlierTopics, readEarlier } from '../../components/kafka/progress-file.ts'
import { listIds } from '../../repository/list-ids.ts'
import { isUnreadable } from '../../repository/needed-files.ts'
import { openBackup } from '../../repository/open-backup.ts'
import type { Storage } from '../../storage/storage.ts'

export interface EarlierBackup {
  id: string
  topics: EarlierTopics
}

/** What this backup stored of that cluster's topics, when it can be gone on with. Throws `artifact-damaged` and its like. */
export async function openEarlier(storage: Storage, id: string, clusterId: string, context: Context): Promise<EarlierTopics | undefined> {
  const backup = await openBackup(storage, id, context)
  const { kafka } = backup.manifest.components
  return kafka === undefined ? undefined : await readEarlier(parseKafkaPart(kafka), backup.component('kafka'), clusterId)
}

/**
 * The topics of the newest backup of this cluster that can be gone on with; undefined when there is none. One that cannot be read is
 * passed over with a warning: the backup must not fail because an older one is damaged.
 */
export async function findEarlier(storage: Storage, clusterId: string, context: Context): Promise<EarlierBackup | undefined> {
  const finished = (await listIds(storage)).filter(({ state }) => state === 'finished')
  for (const { id } of finished.reverse()) {
    try {
      const topics = await openEarlier(storage, id, clusterId, context)
      if (topics !== undefined) return { id, topics }
    } catch (error) {
      if (!isUnreadable(error)) throw error
      context.emit({ type: 'log', level: 'warning', component: 'kafka', message: `backup ${id} cannot be gone on with: ${describeError(error)}` })
    }
  }
  return undefined
}
