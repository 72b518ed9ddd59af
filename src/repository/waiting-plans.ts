import { z } from 'zod'
import type { Storage } from '../storage/storage.ts'
import { planPath } from './layout.ts'
import { listIds } from './list-ids.ts'
import { parseStored, readBytes } from './read-json.ts'

/** A backup that was planned and waits for its shards. */
export interface WaitingPlan {
  id: string
  /** The backup that its shards go on from. */
  previous: string | undefined
  /** What it needs of files outside its directory. */
  files: string[]
}

/** What of a plan matters to others than those who store it. */
const planSchema = z.looseObject({
  previous: z.string().nullable(),
  draft: z.looseObject({ artifacts: z.array(z.looseObject({ path: z.string() })) }),
})

/** Every backup that waits for its shards, oldest first. */
export async function waitingPlans(storage: Storage): Promise<WaitingPlan[]> {
  const plans: WaitingPlan[] = []
  for (const { id, state } of await listIds(storage)) {
    const path = planPath(id)
    if (state !== 'unfinished' || !(await storage.exists(path))) continue
    const { previous, draft } = parseStored(planSchema, (await readBytes(storage, path)).toString('utf8'), path)
    plans.push({ id, previous: previous ?? undefined, files: draft.artifacts.map((artifact) => artifact.path) })
  }
  return plans
}
