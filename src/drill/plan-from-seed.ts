import type { Fault, FaultKind } from './fault.ts'
import type { LossName } from '../commands/loss-names.ts'
import type { DrillCut } from './run-episode.ts'
import type { LedgerMix } from './workloads/ledger-writer.ts'

/** One randomised drill: everything that chance decides in it. What the servers make of it is never quite the same twice. */
export interface SeededPlan {
  seed: number
  loss: LossName
  /** `to`: restored to a commit shortly before the backup's own point. */
  cut: DrillCut
  registryRoute: 'auto' | 'raw-topic'
  fault: Fault | undefined
  writer: { connections: number; perSecond: number; mix: LedgerMix }
  /** Seconds of writing around the backup. */
  writeSeconds: number
}

const losses: [LossName, weight: number][] = [
  ['all', 6],
  ['postgres', 4],
  ['kafka', 2],
  ['registry', 2],
  ['connect', 2],
  ['topic', 1],
  ['rows', 1],
  ['group', 1],
]

const backupFaults: [FaultKind, weight: number, phases: string[]][] = [
  ['engine killed', 5, ['base backup', 'barrier', 'copy topics', 'archive WAL', 'back up registry', 'write the manifest']],
  ['storage full', 2, ['base backup']],
  ['connect killed', 1, ['base backup', 'copy topics']],
  ['registry killed', 1, ['base backup', 'copy topics']],
  ['kafka killed', 1, ['copy topics']],
  ['postgres killed', 1, ['base backup', 'copy topics']],
]

/** Phases of a restore that brings these parts, where it can be killed; between slot and offset lie the last ones of PostgreSQL. */
const restorePhases: Record<LossName, string[]> = {
  all: ['restore topics', 'postgres: recover', 'create slots', 'lift the fence', 'create connectors stopped', 'write connector offsets'],
  postgres: ['postgres: unpack base backup', 'restore topics', 'create slots', 'lift the fence', 'write connector offsets'],
  kafka: ['restore topics', 'restore groups', 'write connector offsets'],
  registry: ['read back registry'],
  connect: ['create connectors stopped', 'write connector offsets', 'resume connectors'],
  topic: ['restore topics', 'restore groups'],
  rows: [],
  group: ['restore groups'],
}

/** The same seed, the same plan. Pure. */
export function planFromSeed(seed: number): SeededPlan {
  const random = generator(seed)
  const below = (limit: number) => Math.floor(random() * limit)
  const oneOf = <T>(items: readonly T[]): T => items[below(items.length)] as T
  const weighed = <T extends [unknown, number, ...unknown[]]>(items: T[]): T =>
    oneOf(items.flatMap((item) => Array.from({ length: item[1] }, () => item)))
  const [loss] = weighed(losses)
  const place: 'none' | 'backup' | 'restore' = oneOf(['none', 'backup', 'backup', 'restore', 'restore'] as const)
  const cut = oneOf<DrillCut>(loss === 'all' || loss === 'postgres' ? ['barrier', 'no barrier', 'to'] : ['barrier', 'no barrier'])
  return {
    seed,
    loss,
    cut,
    registryRoute: loss === 'all' && random() < 0.3 ? 'raw-topic' : 'auto',
    fault: place === 'none' ? undefined : place === 'backup' || restorePhases[loss].length === 0 ? backupFault() : restoreFault(),
    writer: {
      connections: 2 + below(4),
      perSecond: oneOf([20, 40, 80]),
      mix: { plain: 6 + below(14), long: 1 + below(4), large: below(3), savepoints: below(4), 'rolled back': below(3) },
    },
    writeSeconds: 1 + below(3),
  }

  function backupFault(): Fault {
    const [what, , phases] = weighed(backupFaults)
    return { during: 'backup', what, phase: oneOf(phases.filter((phase) => phase !== 'barrier' || cut !== 'no barrier')) }
  }

  function restoreFault(): Fault {
    return { during: 'restore', what: 'engine killed', phase: oneOf(restorePhases[loss]) }
  }
}

/** `lose PostgreSQL, engine killed at "create slots" of the restore`: for the one line that a run gets. */
export function planText({ loss, cut, fault, registryRoute }: SeededPlan): string {
  const route = registryRoute === 'auto' ? '' : ` (registry from its topic)`
  const where = { barrier: '', 'no barrier': ' without a barrier', to: ' to an earlier commit' }[cut]
  return `${loss}${where}${route}, ${fault === undefined ? 'no fault' : `${fault.what} at "${fault.phase}" of the ${fault.during}`}`
}

/** Numbers in [0, 1): a counter through the mixing function of SplitMix32, which is good from the first number on also for seeds side by side. */
function generator(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x9e3779b9) | 0
    let mixed = state ^ (state >>> 16)
    mixed = Math.imul(mixed, 0x21f0aaad)
    mixed ^= mixed >>> 15
    mixed = Math.imul(mixed, 0x735a2d97)
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 0x1_0000_0000
  }
}
