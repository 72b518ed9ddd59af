import type { DatapipeConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import type { ComponentName } from '../../base/events.ts'
import type { Finding } from '../../base/finding.ts'
import type { TargetIdentity } from '../../components/component.ts'
import { connectComponent } from '../../components/connect/index.ts'
import { identifyKafka } from '../../components/kafka/inventory.ts'
import { connectPostgres } from '../../clients/postgres.ts'
import { registryComponent } from '../../components/registry/index.ts'
import type { Parts } from './parts.ts'

export interface Surveyed {
  component: ComponentName
  /** `silent`: does not answer; `empty`: answers and holds nothing; `lives`: holds something. */
  state: 'silent' | 'empty' | 'lives'
  /** What was seen, for people. */
  seen: string
}

/** Looks at the live servers of all parts, side by side. Throws nothing that a plan would not throw itself. */
export async function survey(config: DatapipeConfig, parts: Parts, context: Context): Promise<Surveyed[]> {
  const { postgres, kafka, registry, connect } = config
  const looks: Promise<Surveyed>[] = []
  if (parts.postgres && postgres)
    looks.push(stateOf('postgres', () => livePostgres(postgres.url, parts.postgres?.server.systemIdentifier ?? '', context)))
  if (parts.kafka && kafka) {
    const own = parts.kafka
    // Of a registry and of workers that live there is always something in Kafka.
    const names = new Set(own.topics.filter(({ kind }) => kind !== 'internal').map(({ name }) => name))
    looks.push(stateOf('kafka', async () => whoseKafka(await identifyKafka(kafka, context, names), own.clusterId)))
  }
  if (parts.registry && registry) looks.push(stateOf('registry', () => registryComponent.identify(registry, context)))
  if (parts.connect && connect) looks.push(stateOf('connect', () => connectComponent.identify(connect, context)))
  return Promise.all(looks)
}

async function stateOf(component: ComponentName, look: () => Promise<TargetIdentity>): Promise<Surveyed> {
  try {
    const { identity, empty, contents } = await look()
    const held = contents.slice(0, 3).join(', ')
    return {
      component,
      state: empty ? 'empty' : 'lives',
      seen: empty ? `${identity} holds nothing of it` : `${identity} holds ${held}${contents.length > 3 ? '…' : ''}`,
    }
  } catch (error) {
    if (!(error instanceof DatapipeError)) throw error
    return { component, state: 'silent', seen: error.message }
  }
}

async function livePostgres(url: string, wanted: string, context: Context): Promise<TargetIdentity> {
  await using client = await connectPostgres(url, { signal: context.signal })
  const [row] = await client.query<{ id: string; databases: string }>(
    "SELECT (SELECT system_identifier::text FROM pg_control_system()) AS id, (SELECT string_agg(datname, ', ') FROM pg_database WHERE NOT datistemplate) AS databases",
  )
  const whose = row?.id === wanted ? ', the one that the backup came from,' : ''
  return { component: 'postgres', identity: `system ${row?.id}${whose}`, empty: false, contents: [`databases ${row?.databases}`] }
}

function whoseKafka(found: TargetIdentity, wanted: string): TargetIdentity {
  const whose = found.identity === wanted ? ', the one that the backup came from,' : ''
  return { ...found, identity: `cluster ${found.identity}${whose}` }
}

/**
 * What a loss of some parts means, when the others live. Pure. Nothing when all or none of them are there. It does not say that what lives is
 * as it was: nobody knows that without a comparison.
 */
export function partlyLost(found: readonly Surveyed[], backup: string): Finding[] {
  const lost = found.filter(({ state }) => state !== 'lives')
  const live = found.filter(({ state }) => state === 'lives')
  if (lost.length === 0 || live.length === 0) return []
  const names = lost.map(({ component }) => component)
  return [
    {
      severity: 'warning',
      code: 'partly-lost',
      component: names[0] ?? 'postgres',
      item: names.join(' '),
      message: `looks lost: ${lost.map(({ component, seen }) => `${component} (${seen})`).join('; ')}. Lives: ${live.map(({ component, seen }) => `${component} (${seen})`).join('; ')}. A restore of all parts is refused by what lives; ${consequence(names)}`,
      next: `datapipe restore ${backup} --only ${chosen(names).join(' ')} --dry-run`,
    },
  ]
}

/** PostgreSQL never without its connectors, and Kafka with what lives in it. */
function chosen(lost: readonly ComponentName[]): ComponentName[] {
  if (lost.includes('kafka')) return [...new Set<ComponentName>([...lost, 'registry', 'connect'])]
  return lost.includes('postgres') ? [...new Set<ComponentName>([...lost, 'connect'])] : [...lost]
}

function consequence(lost: readonly ComponentName[]): string {
  if (lost.includes('postgres') && !lost.includes('kafka'))
    return 'of PostgreSQL without Kafka, topics keep the events of transactions that are gone, and connectors must be wiped first (runbook, "PostgreSQL alone")'
  if (lost.includes('kafka') && !lost.includes('postgres'))
    return 'of Kafka without PostgreSQL, what was captured since the backup has to come by a new snapshot (runbook, "Kafka alone")'
  return 'the runbook says what the loss of these alone means'
}
