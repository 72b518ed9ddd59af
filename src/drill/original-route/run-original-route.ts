import { mkdir, readdir, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { type Context, inPhase } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import { waitUntil } from '../../base/wait-until.ts'
import { recording } from '../../commands/backup/recording.ts'
import type { Stack } from '../../stack/stack.ts'
import { saveEvidence } from '../history.ts'
import { observePostgres } from '../observers/observe-postgres.ts'
import { observeRegistry } from '../observers/observe-registry.ts'
import { observeTopics } from '../observers/observe-topics.ts'
import { inSnapshot } from '../observers/postgres-session.ts'
import { compatibleRegistry } from '../observers/registry-server.ts'
import { type DrillPipeline, pipelineOf, preparePipeline } from '../prepare-pipeline.ts'
import type { Measured, RunRow } from '../report/assemble-matrix.ts'
import { sendCanary } from '../workloads/canary.ts'
import { topicPrefix } from '../workloads/connector.ts'
import { judgeRoute, type RouteObservation } from './judge-route.ts'
import { observeRoute } from './observe-route.ts'
import { type RouteTools, runScript } from './run-script.ts'

export interface OriginalRoutePlan {
  stack: Stack
  /** Name in the matrix. */
  name: string
  rows: number
  tools: RouteTools
  /** `uid:gid` of the database server, where the script runs as another user. */
  postgresOwner: string | undefined
  /** Where evidence and the route's backup go; `REPORTS/runs/DRILL/START`, as in a drill. */
  directory: string
  context: Context
}

/**
 * The original document's procedure on a stack, judged by the drill's own observers: fill; everything captured, and nobody writes (the best case for a
 * backup without a recovery point); backup.sh; look; everything destroyed; empty servers; restore.sh step by step; look again; judged.
 */
export async function runOriginalRoute(plan: OriginalRoutePlan): Promise<{ measured: Measured; rows: RunRow[] }> {
  const { stack, directory } = plan
  const { context, phases } = recording(plan.context)
  const { signal } = context
  const backup = join(directory, 'backup')
  await mkdir(backup, { recursive: true })
  const config = stack.config(`file://${backup}`)
  const pipeline = pipelineOf(config)
  const versions = await stack.versions()
  await preparePipeline({ stack, pipeline, rows: plan.rows, sqlFiles: [], binDirectory: config.postgres?.binDirectory, context })
  await inPhase(context, 'capture everything', () => sendCanary(pipeline, { signal }))

  const topics = (await observeTopics(pipeline.kafka)).map(({ topic }) => topic)
  const wanted = { cdc: topics.filter((topic) => topic.startsWith(`${topicPrefix}.`)), internal: topics.filter((topic) => /^connect-/.test(topic)) }
  // Connect's topics grow by themselves: what they hold before the backup must be in it.
  const internal = await observeRoute(pipeline.kafka, { topics: wanted.internal, avro: false, signal })
  const env = await environment(pipeline, backup, config.postgres?.dataDirectory, plan.postgresOwner, signal)
  const script = (name: 'backup.sh' | 'restore.sh', steps: string[]) => runScript({ script: name, steps, tools: plan.tools, env, context })
  await inPhase(context, 'backup', () => script('backup.sh', []))
  const later = await inPhase(context, 'look at the source', () => look(pipeline, wanted, context))
  const before: RouteObservation = { ...later, internal, internalLater: later.internal }

  await inPhase(context, 'destroy everything', async () => {
    for (const component of ['connect', 'registry', 'kafka', 'postgres'] as const) await stack.destroy(component)
  })
  await inPhase(context, 'start empty servers', async () => {
    await stack.start('kafka')
    await stack.start('registry')
  })
  const said: string[] = []
  for (const step of ['registry', 'internal', 'avro'] as const)
    said.push(...(await inPhase(context, `restore ${step}`, () => script('restore.sh', [step]))))
  await inPhase(context, 'restore postgres', async () => {
    await script('restore.sh', ['postgres'])
    await stack.start('postgres')
    await untilPromoted(pipeline.postgresUrl, () => stack.lastLog('postgres'), signal)
  })
  const seen = await inPhase(context, 'look at the restored', () => look(pipeline, wanted, context))
  const after: RouteObservation = { ...seen, refused: refusedIn(said) }

  const file = join(directory, 'evidence.jsonl')
  const named = (prefix: string, observation: RouteObservation) =>
    Object.fromEntries(Object.entries(observation).map(([key, value]) => [`${prefix}.${key}`, value]))
  await saveEvidence(file, { ...named('before', before), ...named('after', after) })
  const seconds = (name: string) => phases.find((phase) => phase.name === name)?.seconds ?? 0
  const part = async (step: string, ...folders: string[]) => ({
    seconds: seconds(`restore ${step}`),
    bytes: await sizes(folders.map((name) => join(backup, name))),
  })
  const rows = judgeRoute(before, after, {
    drill: plan.name,
    evidence: relative(join(directory, '..', '..', '..'), file),
    postgres: await part('postgres', 'postgres'),
    cdc: await part('avro', 'avro'),
    internal: await part('internal', 'raw'),
    registry: await part('registry', 'schemas'),
    connectors: (await readdir(join(backup, 'connectors'))).map((file) => decodeURIComponent(file.replace(/\.json$/, ''))),
  })
  const rounded = phases.map(({ name, seconds: taken }) => ({ name, seconds: Math.round(taken * 1000) / 1000 }))
  return { measured: { stack: stack.kind, versions, recoveryPoint: null, phases: rounded, rto: null, rpo: null }, rows }
}

/** A server that recovers answers before it has reached its target. */
async function untilPromoted(url: string, lastWords: () => Promise<string>, signal: AbortSignal): Promise<void> {
  const isPromoted = () =>
    inSnapshot(url, async (client) => (await client.query<{ over: boolean }>('SELECT NOT pg_is_in_recovery() AS over')).rows[0]?.over === true)
  await waitUntil(isPromoted, { what: 'the end of the recovery', timeoutMs: 300_000, signal, lastWords })
}

/** `  refused: SUBJECT.VERSION.json: ANSWER`, the subject percent-encoded. */
function refusedIn(said: string[]): Record<string, string> {
  const found = said.map((line) => /^ *refused: (.+?)\.(\d+)\.json: (.*)$/.exec(line)).filter((match) => match !== null)
  return Object.fromEntries(found.map(([, subject = '', version = '', answer = '']) => [`${decodeURIComponent(subject)}/${version}`, answer]))
}

async function look(pipeline: DrillPipeline, topics: { cdc: string[]; internal: string[] }, { signal }: Context): Promise<RouteObservation> {
  const there = new Set((await observeTopics(pipeline.kafka)).map(({ topic }) => topic))
  const present = (names: string[]) => names.filter((name) => there.has(name))
  return {
    postgres: await observePostgres(pipeline.postgresUrl, { signal }),
    cdc: await observeRoute(pipeline.kafka, { topics: present(topics.cdc), avro: true, signal }),
    internal: await observeRoute(pipeline.kafka, { topics: present(topics.internal), avro: false, signal }),
    registry: await observeRegistry(pipeline.registry, signal),
  }
}

/** What the scripts ask for. */
async function environment(
  pipeline: DrillPipeline,
  backup: string,
  dataDirectory: string | undefined,
  owner: string | undefined,
  signal: AbortSignal,
): Promise<Record<string, string>> {
  const database = new URL(pipeline.postgresUrl)
  const registry = await compatibleRegistry(pipeline.registry, signal)
  const [bootstrap] = pipeline.kafka.bootstrapServers
  if (dataDirectory === undefined || bootstrap === undefined) throw new DatapipeError('drill-broken', 'the original route needs all four servers')
  return {
    BACKUP: backup,
    PGHOST: database.hostname,
    PGPORT: database.port,
    PGUSER: decodeURIComponent(database.username),
    PGPASSWORD: decodeURIComponent(database.password),
    PGDATABASE: database.pathname.slice(1),
    PGDATA: dataDirectory,
    ...(owner === undefined ? {} : { PGOWNER: owner }),
    BOOTSTRAP: bootstrap,
    REGISTRY: registry.url.replace(/\/+$/, ''),
    REGISTRY_USER_INFO: `${registry.username ?? ''}:${registry.password ?? ''}`,
    CONNECT: pipeline.connect.url.replace(/\/+$/, ''),
    CDC_TOPICS: `^${topicPrefix}\\.`,
  }
}

/** Bytes of all files below the directories. */
async function sizes(directories: string[]): Promise<number> {
  let bytes = 0
  for (const directory of directories)
    for (const entry of await readdir(directory, { recursive: true, withFileTypes: true }))
      if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size
  return bytes
}
