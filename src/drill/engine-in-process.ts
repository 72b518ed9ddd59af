import { backup } from '../commands/backup.ts'
import { diff } from '../commands/diff.ts'
import { restore } from '../commands/restore.ts'
import { restoreGroupsAlone } from '../commands/restore-groups.ts'
import { rows } from '../commands/rows.ts'
import { show } from '../commands/show.ts'
import { verify } from '../commands/verify.ts'
import { wipe } from '../commands/wipe.ts'
import { type DrillPlace, drillConfig } from './drill-config.ts'
import type { Engine } from './engine.ts'

/** The engine as a library, in this very process. */
export function engineInProcess(place: DrillPlace): Engine {
  const { stack } = place
  const config = drillConfig(place)
  const start = { postgres: () => stack.start('postgres'), registry: () => stack.start('registry'), connect: () => stack.start('connect') }
  return {
    place: 'process',
    backup: (context, options) => backup({ config, ...options }, context),
    verify: (id, context) => verify({ config, backup: id }, context),
    show: (id, context) => show({ config, backup: id }, context),
    restore: ({ topics, groups, ...options }, context) =>
      groups !== undefined
        ? restoreGroupsAlone({ config, groups, backup: options.backup, only: options.only }, context)
        : restore({ config, start, ...options, ...(topics === undefined ? {} : { kafka: { topics } }) }, context),
    rows: (request, context) => rows({ config, ...request }, context),
    diff: (a, b, context) => diff({ config, a, b }, context),
    wipe: (options, context) => wipe({ config, ...options }, context),
    memory: async () => undefined,
    peakMemory: async () => undefined,
    [Symbol.asyncDispose]: async () => {},
  }
}
