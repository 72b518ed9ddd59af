import type { ConnectConfig } from '../../base/config.ts'
import { type Context, inPhase } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import { waitUntil } from '../../base/wait-until.ts'
import { type ConnectClient, type ConnectorConfig, type ConnectorOffset, connectClient, kafkaVersionOf } from '../../clients/connect.ts'
import type { ArtifactReader } from '../../repository/artifact.ts'
import type { PlanStep } from '../component.ts'
import { untilStopped } from './control.ts'
import { canonicalJson } from './diff.ts'
import { type ConnectPart, readStoredConnectors } from './part.ts'
import { resolveSecrets, type SecretSources } from './secrets.ts'

export interface CreateStoppedOptions {
  part: ConnectPart
  reader: ArtifactReader
  config: ConnectConfig
  /** All connectors of the part when left out. */
  names?: readonly string[]
  secrets?: SecretSources
  /** Changes a configuration on its way in, e.g. to another database host. */
  rewrite?: (name: string, config: ConnectorConfig) => ConnectorConfig
  context: Context
}

/** What `createStopped` and the steps after it would do. Reads the backup only. */
export function planRestoreConnect(part: ConnectPart): PlanStep[] {
  const step = (text: string): PlanStep => ({ component: 'connect', text, destructive: false })
  return part.connectors.flatMap((connector) => [
    step(`create connector ${connector.name} STOPPED (or find it so)`),
    ...(connector.secrets.length > 0
      ? [step(`fill in ${connector.secrets.join(', ')} of ${connector.name} from the environment or the secrets file`)]
      : []),
    step(`write the offset of ${connector.name} and read it back`),
    ...(connector.state === 'STOPPED' ? [] : [step(`${connector.state === 'RUNNING' ? 'resume' : 'pause'} ${connector.name}`)]),
  ])
}

/**
 * Makes sure that every connector of the backup exists, STOPPED and without a task, so that nothing moves before its offset is right.
 * One that exists already (its internal topics were restored raw) must have the same configuration. One that *runs* is stopped at once and
 * reported: it has been going on from a position that nobody checked.
 * Throws `config-invalid` (secrets missing: all of them are named, and nothing has been created), `not-supported` (worker before 3.7),
 * `restore-mismatch`.
 */
export async function createStopped(options: CreateStoppedOptions): Promise<{ created: string[]; found: string[] }> {
  const { part, reader, config, context } = options
  return await inPhase(context, 'create connectors stopped', async () => {
    const stored = (await readStoredConnectors(part, reader)).filter((connector) => options.names?.includes(connector.name) ?? true)
    const resolved = await resolveSecrets(stored, options.secrets ?? { env: process.env })
    const client = connectClient(config, context.signal)
    await refuseOldWorker(client)
    const result = { created: [] as string[], found: [] as string[] }
    for (const { name } of stored) {
      const plain = resolved.get(name) ?? {}
      const wanted = options.rewrite?.(name, plain) ?? plain
      const existing = await client.config(name)
      if (existing === undefined) {
        await client.create(name, wanted, 'STOPPED')
        result.created.push(name)
      } else {
        await checkExisting({ client, name, existing, wanted, context })
        result.found.push(name)
      }
      await untilStopped(client, name, context)
      const now = await client.config(name)
      if (canonicalJson(now) !== canonicalJson({ ...wanted, name })) throw mismatch(name, now ?? {}, wanted)
    }
    return result
  })
}

async function checkExisting(of: {
  client: ConnectClient
  name: string
  existing: ConnectorConfig
  wanted: ConnectorConfig
  context: Context
}): Promise<void> {
  const { client, name, existing, wanted, context } = of
  // Right after a worker's start its connectors have no status yet.
  const status = await waitUntil(() => client.status(name), { what: `a status of connector ${name}`, timeoutMs: 60_000, signal: context.signal })
  if (status.connector.state === 'RUNNING' || status.tasks.some((task) => task.state === 'RUNNING')) {
    await client.stop(name)
    throw new DatapipeError('restore-mismatch', `connector ${name} was found ${status.connector.state}, not STOPPED; it has been stopped now`, {
      path: `connect/${name}`,
      hint: 'what it has written since it started must go: wipe kafka and connect, then restore again',
    })
  }
  if (canonicalJson({ ...existing, name }) !== canonicalJson({ ...wanted, name })) throw mismatch(name, existing, wanted)
}

/** Names the keys only: values may be secrets. */
function mismatch(name: string, existing: ConnectorConfig, wanted: ConnectorConfig): DatapipeError {
  const keys = [...new Set([...Object.keys(existing), ...Object.keys(wanted)])]
    .filter((key) => key !== 'name' && existing[key] !== wanted[key])
    .sort()
  return new DatapipeError('restore-mismatch', `connector ${name} has another configuration than the backup: ${keys.join(', ')}`, {
    path: `connect/${name}`,
  })
}

async function refuseOldWorker(client: ConnectClient): Promise<void> {
  const { version } = await client.info()
  const kafka = kafkaVersionOf(version)
  if (kafka !== undefined && (kafka.major < 3 || (kafka.major === 3 && kafka.minor < 7))) {
    throw new DatapipeError('not-supported', `kafka connect ${version} cannot create a connector STOPPED (that needs 3.7)`, {
      hint: 'restore its internal topics raw while the workers are down, or update the workers',
    })
  }
}

/**
 * Writes one offset of a STOPPED connector and reads it back; a null offset removes the partition.
 * The worker does not look at the content (Debezium's connector does not check it either), so the comparison is exact.
 * A worker lists partitions as far as it has read its own topic: the new one may be missing for a moment (seen on 4.3.1), so it is asked until
 * it says what was written. Throws `restore-mismatch` when it never does, `server-refused` ("must be in the STOPPED state").
 */
export async function writeOffset(options: {
  config: ConnectConfig
  name: string
  partition: ConnectorOffset['partition']
  offset: ConnectorOffset['offset']
  context: Context
}): Promise<void> {
  const { config, name, partition, offset, context } = options
  const client = connectClient(config, context.signal)
  await client.patchOffsets(name, [{ partition, offset }])
  const wanted = canonicalJson(offset)
  let got = 'nothing'
  const look = async () => {
    const stored = (await client.offsets(name)).find((item) => canonicalJson(item.partition) === canonicalJson(partition))
    got = canonicalJson(stored?.offset ?? null)
    return got === wanted
  }
  try {
    await waitUntil(look, { what: `the offset of connector ${name}`, timeoutMs: 20_000, signal: context.signal })
  } catch (error) {
    if (!(error instanceof DatapipeError) || error.code !== 'timeout') throw error
    throw new DatapipeError('restore-mismatch', `the offset of connector ${name} was written as ${wanted} and is read back as ${got}`, {
      path: `connect/${name}`,
    })
  }
}
