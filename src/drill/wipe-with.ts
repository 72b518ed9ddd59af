import type { Context } from '../base/context.ts'
import type { ComponentName } from '../base/events.ts'
import type { Engine } from './engine.ts'

/** `datapipe wipe`, the way people are made to do it: first the plan, then its own word. */
export async function wipeWith(engine: Engine, only: ComponentName[], context: Context): Promise<void> {
  const { identity } = await engine.wipe({ only, dryRun: true }, context)
  await engine.wipe({ only, yes: identity }, context)
}
