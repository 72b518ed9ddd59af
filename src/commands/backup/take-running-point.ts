import type { ConnectConfig, PostgresConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { parseLsn } from '../../base/lsn.ts'
import type { ConnectorOffset } from '../../clients/connect.ts'
import { connectPostgres, type PgClient } from '../../clients/postgres.ts'
import { capturesRelation, databaseOf, flushesItsSlot, publicationNameOf, sendsTruncate, slotNameOf } from '../../components/connect/debezium.ts'
import type { ConnectorState } from '../../components/connect/inventory.ts'
import type { GroupSnapshot } from '../../components/kafka/part.ts'
import { copySlot } from '../../recovery-point/copy-slot.ts'
import { resolveOffset } from '../../recovery-point/resolve-offset.ts'
import type { ConnectorPosition } from '../../recovery-point/take-barrier.ts'
import { type RunningSteps, takeRunning } from '../../recovery-point/take-running.ts'
import type { TakenPoint } from './take-point.ts'

type Offsets = ReadonlyMap<string, ConnectorOffset[]>
type Ends = Pick<TakenPoint, 'topics' | 'frozen'>

export interface RunningPointOptions {
  postgres: PostgresConfig
  connect: ConnectConfig
  capturing: ConnectorState[]
  /** Each is asked at its time, see `RunningSteps`. */
  readOffsets: () => Promise<Offsets>
  readGroups: () => Promise<GroupSnapshot[]>
  freeze: () => Promise<Ends>
  notBefore: TakenPoint['lsn']
  context: Context
}

/** A point while the connectors go on. Throws `barrier-not-reached`, `slot-problem`, and whatever the servers refuse. */
export async function takeRunningPoint(options: RunningPointOptions): Promise<TakenPoint> {
  const { lsn, walEnd, offsets, groups, ends, attempts, takenAt } = await takeRunning(
    () => openSteps(options),
    { notBefore: options.notBefore },
    options.context,
  )
  return { kind: 'transaction', lsn, xid: undefined, time: undefined, ...ends, groups, offsets, pausedSeconds: 0, attempts, takenAt, walEnd }
}

/** With a copy of each connector's slot, made before its offset is read: so what the offset says is still in the copy. */
async function openSteps({ postgres, capturing, context, ...asked }: RunningPointOptions): Promise<RunningSteps<Offsets, GroupSnapshot[], Ends>> {
  const open = new AsyncDisposableStack()
  try {
    const copies = new Map<string, { client: PgClient; slot: string }>()
    for (const { name, config } of capturing) {
      const client = open.use(await connectPostgres(postgres.url, { database: databaseOf(config), signal: context.signal }))
      copies.set(name, { client, slot: await copySlot(client, slotNameOf(config)) })
    }
    return {
      connectors: capturing.map(({ name }) => name),
      readOffsets: asked.readOffsets,
      readGroups: asked.readGroups,
      freeze: asked.freeze,
      async resolve(name, offsets) {
        const connector = capturing.find((candidate) => candidate.name === name)
        const copy = copies.get(name)
        if (connector === undefined || copy === undefined) throw new TypeError(`no connector ${name}`)
        return resolveRunning(connector, copy, offsets.get(name) ?? [])
      },
      [Symbol.asyncDispose]: () => open.disposeAsync(),
    }
  } catch (error) {
    await open.disposeAsync()
    throw error
  }
}

async function resolveRunning(
  { config }: ConnectorState,
  { client, slot }: { client: PgClient; slot: string },
  [stored]: ConnectorOffset[],
): Promise<ConnectorPosition> {
  if (stored?.offset == null) return { clean: false, reason: 'it has no stored offset yet: its initial snapshot has not finished' }
  if (!flushesItsSlot(config)) {
    // Then what the slot has confirmed says nothing of the topics: it must not be ahead of what is stored.
    const [row] = await client.query<{ lsn: string }>('SELECT confirmed_flush_lsn::text AS lsn FROM pg_replication_slots WHERE slot_name = $1', [
      slot,
    ])
    const { lsn } = stored.offset
    if (row === undefined || (typeof lsn !== 'bigint' && typeof lsn !== 'number') || parseLsn(row.lsn) > BigInt(lsn)) {
      return { clean: false, reason: 'something else than its stored offset moves its slot (lsn.flush.mode), and the slot is ahead of it' }
    }
  }
  return resolveOffset({
    client,
    slot,
    publication: publicationNameOf(config),
    offset: stored.offset,
    captures: capturesRelation(config),
    sendsTruncate: sendsTruncate(config),
    running: true,
  })
}
