import type { DatapipeConfig } from '../base/config.ts'
import { type Context, inPhase } from '../base/context.ts'
import { answers, DatapipeError } from '../base/errors.ts'
import type { ComponentName } from '../base/events.ts'
import type { Component, PlanStep, TargetIdentity } from '../components/component.ts'
import { connectComponent } from '../components/connect/index.ts'
import { kafkaComponent } from '../components/kafka/index.ts'
import { postgresComponent } from '../components/postgres/index.ts'
import { topicOf } from '../components/registry/backup.ts'
import { probeRegistry, registryComponent } from '../components/registry/index.ts'
import { registryTopics } from './backup/topic-kinds.ts'
import { sideBySide } from './side-by-side.ts'
import { wipeWord } from './wipe-word.ts'

export interface WipeOptions {
  config: DatapipeConfig
  only?: ComponentName[]
  /** The word that the plan prints (wipe-word.ts): proof that the plan was read, and that these are the right systems, every one. */
  yes?: string
  dryRun?: boolean
}

export interface WipeResult {
  exitCode: number
  dryRun: boolean
  /** What `--yes` must say. */
  identity: string
  targets: TargetIdentity[]
  plan: PlanStep[]
  seconds: number
}

/**
 * Removes everything from servers that stay up: connectors with their offsets, subjects, topics and groups, slots and tables, in this order
 * (each depends on those after it). Waits until things are gone. Throws `confirmation-missing` with the plan's identity in its hint.
 */
export async function wipe(options: WipeOptions, context: Context): Promise<WipeResult> {
  const started = performance.now()
  const owned = await ownedTopics(options.config, context)
  const components = chosen(
    options,
    owned.flatMap(({ topics }) => topics),
  )
  if (components.length === 0) throw new DatapipeError('usage', 'nothing is selected', { hint: 'correct --only, or datapipe.yaml' })
  const targets = await inPhase(context, 'plan', () => sideBySide(components.map(({ identify }) => identify(context))))
  const plans = await sideBySide(components.map(({ plan }) => plan(context)))
  const kept = components.some(({ name }) => name === 'kafka') ? owned.map(keepStep) : []
  const plan = [...plans.flat(), ...kept]
  const identity = wipeWord(targets)
  const result = { exitCode: answers.ok, identity, targets, plan }
  if (options.dryRun) return { ...result, dryRun: true, seconds: (performance.now() - started) / 1000 }
  if (options.yes !== identity) {
    const lines = plan
      .filter(({ destructive }) => destructive)
      .map(({ component, text }) => `\n  ${component}: ${text}`)
      .join('')
    throw new DatapipeError(
      'confirmation-missing',
      `${options.yes === undefined ? 'this would remove' : `${options.yes} is not the identity of what this would remove`}:${lines}`,
      {
        path: identity,
        hint: `if that is meant, repeat it with --yes ${shellWord(identity)}`,
      },
    )
  }
  for (const { name, wipe } of components) await inPhase(context, `wipe ${name}`, () => wipe(context))
  return { ...result, dryRun: false, seconds: (performance.now() - started) / 1000 }
}

interface BoundComponent {
  name: ComponentName
  identify(context: Context): Promise<TargetIdentity>
  plan(context: Context): Promise<PlanStep[]>
  wipe(context: Context): Promise<void>
}

/**
 * Topics that a running server keeps its state in. Deleted under it, they leave it broken; it is emptied over REST instead. Those of a server
 * that is down are topics like all others.
 */
async function ownedTopics({ connect, registry }: DatapipeConfig, context: Context): Promise<{ owner: string; topics: string[] }[]> {
  const workers = connect && (await unlessDown(() => connectComponent.identify(connect, context)))
  const probe = registry && (await unlessDown(() => probeRegistry(registry, context)))
  return [
    ...(connect && workers ? [{ owner: 'Connect workers', topics: [connect.configTopic, connect.offsetTopic, connect.statusTopic] }] : []),
    ...(probe ? [{ owner: 'registry', topics: registryTopics(topicOf(probe.kind, registry?.topic)) }] : []),
  ]
}

async function unlessDown<T>(look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look()
  } catch (error) {
    if (error instanceof DatapipeError && error.code === 'unreachable') return undefined
    throw error
  }
}

function keepStep({ owner, topics }: { owner: string; topics: string[] }): PlanStep {
  return { component: 'kafka', text: `keep ${topics.join(', ')}: still needed by the ${owner}, whose content goes over REST`, destructive: false }
}

function chosen({ config, only }: WipeOptions, owned: string[]): BoundComponent[] {
  const bound = <C, P>(component: Component<C, P>, section: C | undefined): BoundComponent[] =>
    section === undefined || (only !== undefined && !only.includes(component.name))
      ? []
      : [
          {
            name: component.name,
            identify: (context) => component.identify(section, context),
            plan: (context) => component.planWipe(section, context),
            wipe: (context) => component.wipe(section, context),
          },
        ]
  return [
    ...bound(connectComponent, config.connect),
    ...bound(registryComponent, config.registry),
    ...bound(
      kafkaComponent,
      config.kafka && { ...config.kafka, topics: { ...config.kafka.topics, exclude: [...config.kafka.topics.exclude, ...owned] } },
    ),
    ...bound(postgresComponent, config.postgres),
  ]
}

/** As a person must type it: identities of Connect hold spaces and brackets. */
function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
