import type { DatapipeConfig } from '../base/config.ts'
import { type Context, inPhase } from '../base/context.ts'
import { answers, DatapipeError } from '../base/errors.ts'
import type { ComponentName } from '../base/events.ts'
import type { Finding } from '../base/finding.ts'
import { inventoryConnect, storedInventory } from '../components/connect/inventory.ts'
import { diffConnect } from '../components/connect/index.ts'
import { diffKafka, type KafkaSide } from '../components/kafka/index.ts'
import { diffPostgres, withScratchServer } from '../components/postgres/index.ts'
import { diffRegistry, inventoryRegistry } from '../components/registry/index.ts'
import { type Backup, openBackup } from '../repository/open-backup.ts'
import { openStorage } from '../storage/open-storage.ts'
import { type Parts, partsOf } from './restore/parts.ts'
import { type EffectivePoint, effectivePoint } from './restore/effective-point.ts'
import { resolvePoint } from './restore/resolve-point.ts'
import { atPoint } from './restore/point-ends.ts'

export interface DiffOptions {
  config: DatapipeConfig
  /** `live`, or a backup: an id, the beginning of one, or `latest`. */
  a: string
  b: string
  /** Backups are taken at this moment instead of their own point, as `restore --to` would. */
  to?: string
  /** The servers that B means by `live`; those of `config` when left out. */
  against?: DatapipeConfig
}

export interface DiffResult {
  /** 0 the same, 20 they differ, 21 something could not be compared. */
  exitCode: number
  a: string
  b: string
  /** Components that both sides have, and that were compared. */
  compared: ComponentName[]
  /** Those of them that differ. */
  differing: ComponentName[]
  findings: Finding[]
}

/**
 * A live pipeline goes on by itself: heartbeats, and what Connect and the registry write to their own topics, lie behind the end of a backup
 * a second after it. That is a note, as are its connectors' offsets; a record of the backup that is missing or changed stays harm. But for
 * those of the registry, where it is compared itself: one that was restored through its own import has written a journal of its own.
 */
function asGrowth(finding: Finding, a: Side, b: Side): Finding {
  const backup = [a, b].find((side) => side.kind === 'backup')
  if (backup === undefined || (a.kind === 'backup' && b.kind === 'backup')) return finding
  const topic = finding.item.split('/')[0] ?? ''
  const kind = backup.parts.kafka?.topics.find(({ name }) => name === topic)?.kind
  const ownWriting = kind === 'internal' || topic.startsWith('__debezium-heartbeat.')
  const grown = finding.component === 'kafka' && finding.code === 'record-extra' && ownWriting
  const connects = Object.values(backup.parts.connect?.internalTopics ?? {})
  const compared = holds(a, 'registry') && holds(b, 'registry')
  const registrys = compared && kind === 'internal' && backup.parts.connect !== undefined && !connects.includes(topic)
  const rewritten = finding.component === 'kafka' && finding.code.startsWith('record-') && registrys
  return grown || rewritten || finding.code === 'connector-offset-differs' ? { ...finding, severity: 'note' } : finding
}

type Side =
  | { kind: 'live'; name: string; config: DatapipeConfig }
  | { kind: 'backup'; name: string; backup: Backup; at: EffectivePoint; parts: Parts; config: DatapipeConfig }

/**
 * Compares two sides component by component: every row, record, schema and connector; a finding shows what differs. A PostgreSQL backup is
 * recovered to its point in a scratch server beside the data directory, looked at, and removed. Throws `usage` when no component is on both sides.
 */
export async function diff(options: DiffOptions, context: Context): Promise<DiffResult> {
  const { to } = options
  if (to !== undefined && options.a === 'live' && options.b === 'live')
    throw new DatapipeError('usage', '--to says what a backup is taken at, and none is compared')
  const a = await openSide(options.a, { config: options.config, to }, context)
  const b = await openSide(options.b, { config: options.against ?? options.config, to }, context)
  if (a.name === b.name) b.name = `${b.name} (b)`
  const both = (['postgres', 'kafka', 'registry', 'connect'] as const).filter((name) => holds(a, name) && holds(b, name))
  if (both.length === 0) throw new DatapipeError('usage', 'no component is on both sides', { hint: 'look at `datapipe show`, and at datapipe.yaml' })
  const findings: Finding[] = []
  const differing: ComponentName[] = []
  for (const component of both) {
    const found = (await inPhase(context, `compare ${component}`, () => comparisons[component](a, b, context))).map((finding) =>
      asGrowth(finding, a, b),
    )
    if (found.some(({ severity }) => severity === 'harm')) differing.push(component)
    findings.push(...found)
  }
  const onOneSide = (['postgres', 'kafka', 'registry', 'connect'] as const).filter((name) => holds(a, name) !== holds(b, name))
  for (const component of onOneSide) findings.push(notCompared(component, holds(a, component) ? b.name : a.name))
  const harm = findings.some(({ severity }) => severity === 'harm')
  return {
    exitCode: harm ? answers.no : onOneSide.length > 0 ? answers.unknown : answers.ok,
    a: a.name,
    b: b.name,
    compared: both,
    differing,
    findings,
  }
}

function notCompared(component: ComponentName, lacking: string): Finding {
  return { severity: 'warning', code: 'not-compared', component, item: component, message: `${lacking} has no ${component}: it was not compared` }
}

async function openSide(reference: string, { config, to }: { config: DatapipeConfig; to: string | undefined }, context: Context): Promise<Side> {
  if (reference === 'live') return { kind: 'live', name: 'live', config }
  const storage = openStorage(config.repository.url)
  const { backup, cut } =
    to === undefined
      ? { backup: await openBackup(storage, reference, context), cut: undefined }
      : await resolvePoint({ storage, backup: reference, to, only: undefined, context })
  const parts = partsOf(backup)
  const at = await effectivePoint({ backup, cut, withKafka: config.kafka !== undefined, context })
  // Topics may be stored beyond the point.
  const kafka = parts.kafka && atPoint(parts.kafka, at.point)
  return { kind: 'backup', name: backup.id, backup, at, parts: { ...parts, ...(kafka && { kafka }) }, config }
}

function holds(side: Side, component: ComponentName): boolean {
  return side.kind === 'live' ? side.config[component] !== undefined : side.parts[component] !== undefined
}

const comparisons: Record<ComponentName, (a: Side, b: Side, context: Context) => Promise<Finding[]>> = {
  postgres: (a, b, context) =>
    withUrl(a, context, (urlA) => withUrl(b, context, (urlB) => diffPostgres(urlA, urlB, context, { sides: [a.name, b.name] }))),
  kafka: (a, b, context) => diffKafka(kafkaSide(a), kafkaSide(b), context, { sides: [a.name, b.name], hideValuesOf: internalTopics(a, b) }),
  registry: async (a, b, context) => diffRegistry(await registrySnapshot(a, context), await registrySnapshot(b, context), { a: a.name, b: b.name }),
  connect: async (a, b, context) => diffConnect(await connectInventory(a, context), await connectInventory(b, context), { a: a.name, b: b.name }),
}

/** Recovers a backup in a scratch server for as long as `use` takes. */
async function withUrl(side: Side, context: Context, use: (url: string) => Promise<Finding[]>): Promise<Finding[]> {
  const section = side.config.postgres
  if (side.kind === 'live') {
    if (section === undefined) throw new TypeError('no postgres on this side')
    return use(section.url)
  }
  const part = side.parts.postgres
  if (part === undefined) throw new TypeError('no postgres on this side')
  const recoveryPoint = side.at.point
  if (section === undefined) {
    throw new DatapipeError('config-invalid', 'comparing a PostgreSQL backup needs its tools', {
      path: 'datapipe.yaml: postgres',
      hint: 'add postgres to datapipe.yaml',
    })
  }
  return withScratchServer({ part, reader: side.backup.component('postgres'), recoveryPoint, config: section, context }, (server) => use(server.url))
}

function kafkaSide(side: Side): KafkaSide {
  if (side.kind === 'backup' && side.parts.kafka !== undefined)
    return { kind: 'backup', part: side.parts.kafka, reader: side.backup.component('kafka'), range: { toTimes: side.at.toTimes } }
  if (side.config.kafka === undefined) throw new TypeError('no kafka on this side')
  return { kind: 'live', config: side.config.kafka }
}

/** Topics that either side knows as Connect's or the registry's own: configurations in them hold secrets in clear. */
function internalTopics(...sides: Side[]): (topic: string) => boolean {
  const named = sides.flatMap((side) => {
    const { connect, registry } = side.config
    const configured = [connect?.configTopic, connect?.offsetTopic, connect?.statusTopic, registry?.topic]
    if (side.kind === 'live') return configured
    const { kafka, connect: stored } = side.parts
    return [
      ...configured,
      ...Object.values(stored?.internalTopics ?? {}),
      ...(kafka?.topics ?? []).flatMap(({ name, kind }) => (kind === 'internal' ? [name] : [])),
    ]
  })
  const internal = new Set(named)
  return (topic) => internal.has(topic)
}

function registrySnapshot(side: Side, context: Context) {
  if (side.kind === 'backup' && side.parts.registry !== undefined)
    return inventoryRegistry({ part: side.parts.registry, reader: side.backup.component('registry') })
  if (side.config.registry === undefined) throw new TypeError('no registry on this side')
  return inventoryRegistry({ config: side.config.registry, context })
}

function connectInventory(side: Side, context: Context) {
  if (side.kind === 'backup' && side.parts.connect !== undefined) return storedInventory(side.parts.connect, side.backup.component('connect'))
  if (side.config.connect === undefined) throw new TypeError('no connect on this side')
  return inventoryConnect(side.config.connect, context)
}
