import type { ConnectConfig } from '../../base/config.ts'
import { type Context, inPhase } from '../../base/context.ts'
import type { Finding } from '../../base/finding.ts'
import { formatLsn, type Lsn, parseLsn } from '../../base/lsn.ts'
import { waitUntil } from '../../base/wait-until.ts'
import {
  type ConnectPart,
  connectComponent,
  createStopped,
  isDebeziumPostgres,
  offsetPartitionOf,
  readStoredConnectors,
  pauseConnectors,
  resumeConnectors,
  slotNameOf,
  type StoredConnector,
  writeOffset,
} from '../../components/connect/index.ts'
import { databaseOf } from '../../components/connect/debezium.ts'
import type { FencedServer } from '../../components/postgres/fenced-server.ts'
import type { ArtifactReader } from '../../repository/artifact.ts'
import { DatapipeError } from '../../base/errors.ts'
import type { CatchUp } from '../../recovery-point/catch-up.ts'
import { refuseOffsetAhead, syntheticOffset } from '../../recovery-point/synthetic-offset.ts'

/** A slot made on the restored server behind its fence, and the offset that its connector goes on from. */
export interface MadeSlot {
  connector: string
  slot: string
  confirmedFlushLsn: Lsn
  partition: { server: string }
  offset: { lsn: bigint; txId: bigint; ts_usec: bigint }
}

/** Slots of the backup's server, by which connectors of a backup that does not say what they read are told apart. */
export type StoredSlots = readonly { name: string; database: string }[]

/**
 * Debezium connectors that read the PostgreSQL of the backup; the slots and offsets of the others belong to another server. Backups before
 * `reads` was kept do not say: there those whose slot was on the server do, and where it is unknown (`slots` undefined), all.
 */
export function readersOfPostgres(part: ConnectPart, stored: StoredConnector[], slots: StoredSlots | undefined): StoredConnector[] {
  return stored.filter(({ name, config }) => {
    if (!isDebeziumPostgres(config)) return false
    const reads = part.connectors.find((listed) => listed.name === name)?.reads
    if (reads !== undefined || slots === undefined) return reads !== 'another'
    return slots.some((slot) => slot.name === slotNameOf(config) && slot.database === databaseOf(config))
  })
}

/**
 * Creates the slot of every given connector (`readersOfPostgres`) on the fenced server. From here on no commit can be lost: the slot keeps it.
 * Throws `slot-problem`, `offset-ahead`.
 */
export async function makeSlots(fenced: FencedServer, connectors: StoredConnector[], cut: string): Promise<MadeSlot[]> {
  const made: MadeSlot[] = []
  for (const { name, config } of connectors) {
    const partition = offsetPartitionOf(config)
    if (partition === undefined) throw new DatapipeError('config-invalid', `connector ${name} has no topic.prefix`, { path: `connect/${name}` })
    const { confirmedFlushLsn } = await fenced.createLogicalSlot(slotNameOf(config), 'pgoutput', databaseOf(config))
    const last = fenced.lastTransaction() ?? { xid: 0n, timestampUs: 0n }
    const flushLsn = await fenced.flushLsn()
    const offset = syntheticOffset({ confirmedFlushLsn, flushLsn, cut: parseLsn(cut), xid: last.xid, timestampUs: last.timestampUs })
    made.push({ connector: name, slot: slotNameOf(config), confirmedFlushLsn, partition, offset })
  }
  return made
}

/** Where a live PostgreSQL stands: the end of its WAL, and `confirmed_flush_lsn` of each logical slot. */
export interface LivePositions {
  flushLsn: Lsn
  slots: ReadonlyMap<string, Lsn>
}

export interface ConnectorsOptions {
  part: ConnectPart
  reader: ArtifactReader
  config: ConnectConfig
  slots: MadeSlot[]
  /** Slots of the backup's server; undefined when the backup has no PostgreSQL. */
  storedSlots: StoredSlots | undefined
  /** The live database: no connector may be resumed on an offset above its WAL. Undefined when PostgreSQL is not configured. */
  live: LivePositions | undefined
  /** By name, when topics were restored to a point while PostgreSQL was left alone, and so is ahead of them: how each gets there. */
  catchUp: ReadonlyMap<string, CatchUp>
  secretsFile: string | undefined
  leaveStopped: boolean
  context: Context
}

/**
 * Connectors STOPPED, offsets written and read back, then resumed as the backup found them. A connector whose slot was made here goes on
 * from the slot; every other one, also of another PostgreSQL, gets its offset of the backup. Throws `restore-mismatch`, `offset-ahead`, `server-refused`.
 */
export async function restoreConnectors(options: ConnectorsOptions): Promise<{ connectors: number; offsets: number; findings: Finding[] }> {
  const { part, reader, config, slots, context } = options
  const stored = await readStoredConnectors(part, reader)
  const readers = new Set(readersOfPostgres(part, stored, options.storedSlots).map(({ name }) => name))
  const liveFor = ({ name }: StoredConnector) => (readers.has(name) ? options.live : undefined)
  const secrets = { env: process.env, ...(options.secretsFile === undefined ? {} : { secretsFile: options.secretsFile }) }
  await createStopped({ part, reader, config, secrets, context })
  let offsets = 0
  await inPhase(context, 'write connector offsets', async () => {
    for (const connector of stored) {
      // A sink's offsets are its consumer group, which the groups' restore has set to where its records are now.
      if (connector.type === 'sink') continue
      const slot = slots.find((item) => item.connector === connector.name)
      const wanted =
        slot === undefined ? offsetsWithoutRestore(connector, liveFor(connector), options) : [{ partition: slot.partition, offset: slot.offset }]
      for (const { partition, offset } of wanted) {
        const live = liveFor(connector)
        if (offset !== null && live !== undefined) refuseOffsetAhead(connector.name, offset, live.flushLsn)
        await writeOffset({ config, name: connector.name, partition, offset, context })
        offsets++
      }
    }
  })
  const isOfAnother = ({ name, config }: StoredConnector) => isDebeziumPostgres(config) && !readers.has(name)
  const findings = stored.flatMap((connector) => missingEvents(connector, options.catchUp.get(connector.name)))
  const held = new Set(findings.map(({ item }) => item))
  const running = stored.filter(({ name, state }) => state === 'RUNNING' && !held.has(name))
  const paused = stored.filter(({ state }) => state === 'PAUSED').map(({ name }) => name)
  if (!options.leaveStopped) {
    await inPhase(context, 'resume connectors', async () => {
      await pauseConnectors(config, paused, context)
      const [others, own] = [running.filter(isOfAnother), running.filter((connector) => !isOfAnother(connector))]
      await resumeConnectors(
        config,
        own.map(({ name }) => name),
        context,
      )
      for (const { name } of others) findings.push(...(await resumeOther(config, name, context)))
    })
  }
  return { connectors: stored.length, offsets, findings }
}

/**
 * A connector of another PostgreSQL, whose slot nobody here can look at: it may have moved on since the backup, and then Debezium refuses the
 * offset. That is no reason to fail for all the others.
 */
async function resumeOther(config: ConnectConfig, name: string, context: Context): Promise<Finding[]> {
  try {
    await resumeConnectors(config, [name], context)
    return []
  } catch (error) {
    if (!(error instanceof DatapipeError) || error.code !== 'server-refused') throw error
    return [
      {
        severity: 'harm',
        code: 'connector-not-resumed',
        component: 'connect',
        item: name,
        message: `reads another PostgreSQL, and did not start at the offset that it had in the backup: ${error.message}`,
        next: "stop it, write its slot's confirmed_flush_lsn as its offset ({lsn, txId, ts_usec} only), resume it",
      },
    ]
  }
}

/**
 * Topics restored to the recovery point, the slot already past it: what was captured in between is in neither, and the connector would go on
 * behind it without a word. It stays STOPPED.
 */
function missingEvents({ name, config }: StoredConnector, catchUp: CatchUp | undefined): Finding[] {
  if (catchUp?.way !== 'missing') return []
  const { from, slot } = catchUp
  const stands = slot === undefined ? `there is no slot ${slotNameOf(config)}` : `its slot has moved on to ${formatLsn(slot)}`
  return [
    {
      severity: 'harm',
      code: 'events-missing',
      component: 'connect',
      item: name,
      message: `its topics end at ${formatLsn(from)}, ${stands}: the changes in between are lost to the topics; the connector was left STOPPED`,
      next: 'let it take a new snapshot (runbook, "Kafka alone"), or restore postgres to the same point; with postgres.guardSlot the next loss can be caught up',
    },
  ]
}

/**
 * The offsets of a connector whose database was not restored with it. Debezium goes on from where its topics were restored to, when a slot
 * holds what came after; from its live slot, when topics were left alone: that has moved past the backup's offset, and what lies between is
 * in the topics. Without a slot there is nothing to go on from. Throws `slot-problem`.
 */
function offsetsWithoutRestore(
  connector: StoredConnector,
  live: LivePositions | undefined,
  { catchUp, context }: ConnectorsOptions,
): StoredConnector['offsets'] {
  const partition = offsetPartitionOf(connector.config)
  if (live === undefined || partition === undefined) return connector.offsets
  const slot = slotNameOf(connector.config)
  const way = catchUp.get(connector.name)
  if (way?.way === 'missing' && way.slot === undefined) return []
  const lsn = way === undefined || way.way === 'missing' ? live.slots.get(slot) : way.from
  if (lsn === undefined) {
    throw new DatapipeError('slot-problem', `connector ${connector.name} has no slot ${slot} on the live database`, {
      path: `connect/${connector.name}`,
      hint: 'restore postgres and connect together, or let the connector take a new snapshot',
    })
  }
  return [{ partition, offset: { lsn, txId: 0n, ts_usec: BigInt(context.now().getTime()) * 1000n } }]
}

/** Waits until a worker answers; a person may have to start it, so the limit is long. Throws `timeout`. */
export async function awaitWorkers(config: ConnectConfig, context: Context): Promise<void> {
  await waitUntil(
    async () => {
      try {
        await connectComponent.identify(config, context)
        return true
      } catch (error) {
        if (error instanceof DatapipeError && (error.code === 'unreachable' || error.code === 'server-refused')) return false
        throw error
      }
    },
    { what: `Connect at ${config.url} to answer`, timeoutMs: 30 * 60_000, everyMs: 500, signal: context.signal },
  )
}
