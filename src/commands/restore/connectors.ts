import type { ConnectConfig } from '../../base/config.ts'
import { type Context, inPhase } from '../../base/context.ts'
import { type Lsn, parseLsn } from '../../base/lsn.ts'
import { waitUntil } from '../../base/wait-until.ts'
import {
  type ConnectPart,
  connectComponent,
  createStopped,
  isDebeziumPostgres,
  offsetPartitionOf,
  readStoredConnectors,
  resumeConnectors,
  slotNameOf,
  type StoredConnector,
  writeOffset,
} from '../../components/connect/index.ts'
import { databaseOf } from '../../components/connect/debezium.ts'
import type { FencedServer } from '../../components/postgres/fenced-server.ts'
import type { ArtifactReader } from '../../repository/artifact.ts'
import { DatapipeError } from '../../base/errors.ts'
import { refuseOffsetAhead, syntheticOffset } from '../../recovery-point/synthetic-offset.ts'

/** A slot made on the restored server behind its fence, and the offset that its connector goes on from. */
export interface MadeSlot {
  connector: string
  slot: string
  confirmedFlushLsn: Lsn
  partition: { server: string }
  offset: { lsn: bigint; txId: bigint; ts_usec: bigint }
}

/**
 * Creates the slot of every Debezium connector on the fenced server. From here on no commit can be lost: the slot keeps it.
 * Throws `slot-problem`, `offset-ahead`.
 */
export async function makeSlots(fenced: FencedServer, connectors: StoredConnector[], cut: string): Promise<MadeSlot[]> {
  const made: MadeSlot[] = []
  for (const { name, config } of connectors.filter((connector) => isDebeziumPostgres(connector.config))) {
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

export interface ConnectorsOptions {
  part: ConnectPart
  reader: ArtifactReader
  config: ConnectConfig
  slots: MadeSlot[]
  /** End of the live database's WAL: no connector may be resumed on an offset above it. Undefined when PostgreSQL is not part of this. */
  flushLsn: Lsn | undefined
  secretsFile: string | undefined
  leaveStopped: boolean
  context: Context
}

/**
 * Connectors STOPPED, offsets written and read back, then resumed as the backup found them. A connector whose slot was made here goes on
 * from the slot; every other one gets its offset of the backup. Throws `restore-mismatch`, `offset-ahead`, `server-refused`.
 */
export async function restoreConnectors(options: ConnectorsOptions): Promise<{ connectors: number; offsets: number }> {
  const { part, reader, config, slots, context } = options
  const stored = await readStoredConnectors(part, reader)
  const secrets = { env: process.env, ...(options.secretsFile === undefined ? {} : { secretsFile: options.secretsFile }) }
  await createStopped({ part, reader, config, secrets, context })
  let offsets = 0
  await inPhase(context, 'write connector offsets', async () => {
    for (const connector of stored) {
      const slot = slots.find((item) => item.connector === connector.name)
      const wanted = slot === undefined ? connector.offsets : [{ partition: slot.partition, offset: slot.offset }]
      for (const { partition, offset } of wanted) {
        if (offset !== null && options.flushLsn !== undefined && isDebeziumPostgres(connector.config)) {
          refuseOffsetAhead(connector.name, offset, options.flushLsn)
        }
        await writeOffset({ config, name: connector.name, partition, offset, context })
        offsets++
      }
    }
  })
  const running = stored.filter(({ state }) => state === 'RUNNING').map(({ name }) => name)
  if (!options.leaveStopped) await inPhase(context, 'resume connectors', () => resumeConnectors(config, running, context))
  return { connectors: stored.length, offsets }
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
