import type { RegistryConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import type { PlanStep } from '../component.ts'
import { DatapipeError } from '../../base/errors.ts'
import type { ArtifactReader } from '../../repository/artifact.ts'
import { differencesToBackup } from './compare-live.ts'
import { readSnapshot } from './inventory.ts'
import { type RegistryPart, type RegistryRoute, readPartSnapshot } from './part.ts'
import { probeRegistry, type RegistryProbe } from './probe.ts'
import { stillHasContents } from './register-again.ts'
import { presentOfBackup } from './rest-import.ts'
import type { RegistrySnapshot } from './snapshot.ts'
import { type UsedSchemaId, unknownIds } from './verify.ts'

export interface RegistryRestorePlan {
  /** `present`: the registry holds exactly what the backup does, as after a restore that failed later; nothing is written. */
  route: RegistryRoute | 'present'
  /** Why this way, in one sentence. */
  reason: string
  /** The registry must be down while its topic is restored, and be started after it. */
  registryDown: boolean
  steps: PlanStep[]
}

export interface PlanRestoreOptions {
  part: RegistryPart
  reader: ArtifactReader
  config: RegistryConfig
  /** Ids that the records carry which are restored, too. */
  usedIds?: Iterable<UsedSchemaId>
  route?: RegistryRoute | 'auto'
  /** The Kafka part holds `part.topic.name`, and every topic of `part.topic.mustBeEmpty` that it holds is empty. */
  rawTopicInBackup: boolean
  context: Context
}

/**
 * Chooses a way back that keeps the ids, and says why. Reads only.
 * - the registry does not answer → `raw-topic`, when the backup has the topic, else `unreachable`;
 * - Apicurio → `native` (its own export, into an empty registry; or registered again, where it was wiped and still has the contents); Confluent → `rest-import`; Karapace → `raw-topic`.
 * A registry that answers and holds exactly what the backup does is left as it is.
 * Throws `ids-would-change` when no way keeps them, or records carry one that the backup does not have; `target-not-empty`, `not-supported` for a
 * route that cannot work here.
 */
export async function planRestoreRegistry(options: PlanRestoreOptions): Promise<RegistryRestorePlan> {
  const { part, reader, config, context, rawTopicInBackup } = options
  refuseUnknownIds(part, options.usedIds ?? [])
  const wanted = options.route ?? 'auto'
  const probe = await probeRegistry(config, context).catch((error: unknown) => {
    if (error instanceof DatapipeError && error.code === 'unreachable' && wanted !== 'native' && wanted !== 'rest-import' && rawTopicInBackup)
      return undefined
    throw error
  })
  if (wanted === 'raw-topic' && !rawTopicInBackup)
    throw new DatapipeError('ids-would-change', `the backup does not hold ${part.topic.name}: the raw route needs it`)
  if (probe === undefined) return rawPlan(part, wanted === 'raw-topic' ? 'asked for' : `the registry is down and the backup holds ${part.topic.name}`)
  if (wanted === 'raw-topic') {
    throw new DatapipeError('not-supported', `the registry at ${probe.identity} is running: it would not see a topic restored under it`, {
      hint: 'stop the registry, then run the restore again; it is started afterwards',
    })
  }
  const asked = wanted === 'auto' ? undefined : explicitRoute(wanted, part, probe)
  const snapshot = await readPartSnapshot(part, reader)
  if (!probe.empty && probe.leftOver === 0 && (await holdsExactly(probe, snapshot))) return presentPlan(part, probe)
  const route = asked ?? automaticRoute(part, probe, rawTopicInBackup)
  if (route === 'rest-import') {
    await presentOfBackup(probe.connection.confluent, snapshot)
    return importPlan(part, probe)
  }
  refuseOtherIdMode(snapshot, probe)
  if (probe.empty) return nativePlan(part, probe)
  const { native } = probe.connection
  if (native !== undefined && probe.leftOver > 0 && (await stillHasContents(native, part))) return againPlan(part, probe)
  throw new DatapipeError('target-not-empty', `the registry at ${probe.identity} already holds ${probe.contents.slice(0, 3).join(', ')}`, {
    hint:
      probe.leftOver > 0
        ? 'these are not the contents of this backup, and apicurio imports over none: stop the registry, delete its journal topic, restore raw or into the empty one'
        : 'wipe it first: `datapipe wipe` prints what would go',
  })
}

/** An id that the registry of the backup never gave out, or gave out no more: whoever reads such a record gets an error, or another schema. */
function refuseUnknownIds(part: RegistryPart, usedIds: Iterable<UsedSchemaId>): void {
  const unknown = unknownIds(part, usedIds)
  const [first] = unknown
  if (first === undefined) return
  const more = unknown.length > 1 ? `, and ${unknown.length - 1} more like it` : ''
  throw new DatapipeError('ids-would-change', `${first.item} ${first.message}${more}`, {
    path: `registry/${first.item}`,
    hint: 'such records could not be read at the source, either. To restore them all the same: first --only registry, then --only postgres kafka connect',
  })
}

async function holdsExactly(probe: RegistryProbe, snapshot: RegistrySnapshot): Promise<boolean> {
  return differencesToBackup(snapshot, await readSnapshot(probe.connection)).every(({ severity }) => severity !== 'harm')
}

/** Apicurio keeps both of its ids in an import; which of them a client is given is a setting of the server. */
function refuseOtherIdMode(snapshot: RegistrySnapshot, probe: RegistryProbe): void {
  if (probe.capabilities.wireId !== 'globalId') return
  const moved = snapshot.versions.filter(({ id, globalId }) => globalId !== undefined && globalId !== id)
  const [first] = moved
  if (first === undefined) return
  throw new DatapipeError(
    'ids-would-change',
    `apicurio at ${probe.identity} gives clients its global ids: ${moved.length} of ${snapshot.versions.length} versions had others, e.g. ${first.subject}/${first.version} ${first.id}, not ${first.globalId}`,
    { path: 'registry', hint: 'set apicurio.ccompat.legacy-id-mode.enabled=false, as the source had it' },
  )
}

function automaticRoute(part: RegistryPart, probe: RegistryProbe, rawTopicInBackup: boolean): 'native' | 'rest-import' {
  const route = probe.capabilities.keepsIds.find((way) => way !== 'raw-topic' && part.routes.includes(way))
  if (route === 'native' || route === 'rest-import') return route
  throw new DatapipeError(
    'ids-would-change',
    `${probe.kind} ${probe.version} at ${probe.identity} gives ids of its own, and the backup (${part.kind}) has nothing that it imports with ids`,
    {
      hint: rawTopicInBackup
        ? `stop the registry and run the restore again: then ${part.topic.name} is restored raw`
        : `back up ${part.topic.name} too, and restore it with the registry down`,
    },
  )
}

function explicitRoute(wanted: 'native' | 'rest-import', part: RegistryPart, probe: RegistryProbe): 'native' | 'rest-import' {
  if (!part.routes.includes(wanted)) throw new DatapipeError('not-supported', `this backup of ${part.kind} has nothing for the route ${wanted}`)
  if (probe.capabilities.keepsIds.includes(wanted)) return wanted
  const why = wanted === 'rest-import' && probe.kind === 'apicurio' ? ': apicurio accepts mode IMPORT and then gives ids of its own' : ''
  throw new DatapipeError('ids-would-change', `the route ${wanted} does not keep ids in ${probe.kind} ${probe.version}${why}`)
}

const step = (text: string, destructive = false): PlanStep => ({ component: 'registry', text, destructive })

function rawPlan(part: RegistryPart, reason: string): RegistryRestorePlan {
  return {
    route: 'raw-topic',
    reason,
    registryDown: true,
    steps: [
      step(`restore ${part.topic.name} record by record while the registry is down`),
      ...part.topic.mustBeEmpty.map((topic) => step(`see that ${topic} is empty or not there`)),
      step('start the registry and wait until it has read its topic'),
      step(`read back ${part.counts.ids} ids and compare their schemas`),
    ],
  }
}

function nativePlan(part: RegistryPart, probe: RegistryProbe): RegistryRestorePlan {
  return {
    route: 'native',
    reason: `${probe.kind} ${probe.version} imports its own export with all ids`,
    registryDown: false,
    steps: [
      step(`import ${part.counts.versions} versions of ${part.counts.subjects} subjects from apicurio's export`),
      step(`read back ${part.counts.ids} ids and compare their schemas`),
    ],
  }
}

function againPlan(part: RegistryPart, probe: RegistryProbe): RegistryRestorePlan {
  return {
    route: 'native',
    reason: `${probe.kind} ${probe.version} has no subject left, but still every content of the backup under its id`,
    registryDown: false,
    steps: [
      step(
        `register ${part.counts.versions} versions of ${part.counts.subjects} subjects again; apicurio gives contents that it still has their ids`,
      ),
      step(`disable ${part.counts.deletedVersions} soft-deleted versions, set the rules`),
      step(`read back ${part.counts.ids} ids and compare their schemas`),
    ],
  }
}

function presentPlan(part: RegistryPart, probe: RegistryProbe): RegistryRestorePlan {
  return {
    route: 'present',
    reason: `${probe.kind} ${probe.version} holds exactly what the backup does`,
    registryDown: false,
    steps: [
      step(`leave the registry as it is: it holds exactly the ${part.counts.versions} versions of ${part.counts.subjects} subjects of the backup`),
      step(`read back ${part.counts.ids} ids and compare their schemas`),
    ],
  }
}

function importPlan(part: RegistryPart, probe: RegistryProbe): RegistryRestorePlan {
  return {
    route: 'rest-import',
    reason: `${probe.kind} ${probe.version} takes ids over REST in mode IMPORT`,
    registryDown: false,
    steps: [
      step(
        `set mode IMPORT, globally${part.counts.contexts > 1 ? ` and in ${part.counts.contexts - 1} contexts` : ''} (producers cannot register meanwhile)`,
      ),
      step(`register ${part.counts.versions} versions of ${part.counts.subjects} subjects with their ids, parents first`),
      step(`soft-delete ${part.counts.deletedVersions} versions`),
      step('set configurations and modes; the mode is put back whatever happens'),
      step(`read back ${part.counts.ids} ids and compare their schemas`),
    ],
  }
}
