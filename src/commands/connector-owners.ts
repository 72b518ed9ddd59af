import type { ConnectConfig } from '../base/config.ts'
import type { Context } from '../base/context.ts'
import { type Lsn, parseLsn } from '../base/lsn.ts'
import { connectPostgres, postgresAddress } from '../clients/postgres.ts'
import { readOffsets } from '../components/connect/control.ts'
import { isDebeziumPostgres } from '../components/connect/debezium.ts'
import { type Ownership, ownerships } from '../components/connect/ownership.ts'
import { leadsTo } from '../components/connect/same-address.ts'

export interface OwnersOptions {
  connectors: readonly { name: string; config: Record<string, string> }[]
  /** `url` and `otherServers` of `connect` in datapipe.yaml. */
  connect: ConnectConfig
  postgresUrl: string
  context: Context
}

/** Of each Debezium PostgreSQL connector, whether it reads the PostgreSQL of datapipe.yaml; see ownership.ts. Others are not in the answer. */
export async function connectorOwners({ connectors, connect, postgresUrl, context }: OwnersOptions): Promise<Map<string, Ownership>> {
  const debezium = connectors.filter(({ config }) => isDebeziumPostgres(config))
  if (debezium.length === 0) return new Map()
  await using client = await connectPostgres(postgresUrl, { signal: context.signal })
  // Slots, then offsets, then the end of the WAL: in this order an offset cannot come to lie outside of them by the time that passes.
  const slots = await client.query<{ name: string; database: string; confirmed: string | null }>(
    `SELECT slot_name::text AS name, database::text AS database, confirmed_flush_lsn::text AS confirmed
     FROM pg_replication_slots WHERE slot_type = 'logical'`,
  )
  const candidates = await Promise.all(
    debezium.map(async ({ name, config }) => ({
      name,
      config,
      sameAddress: await leadsTo(config, postgresAddress(postgresUrl), connect.url),
      declaredOther: connect.otherServers?.includes(name) ?? false,
      lsn: highestLsn(await readOffsets(connect, name, context)),
    })),
  )
  const [end] = await client.query<{ lsn: string }>('SELECT pg_current_wal_flush_lsn()::text AS lsn')
  return ownerships(candidates, {
    slots: slots.map(({ name, database, confirmed }) => ({
      name,
      database,
      confirmedFlushLsn: confirmed === null ? undefined : parseLsn(confirmed),
    })),
    flushLsn: parseLsn(end?.lsn ?? ''),
  })
}

function highestLsn(offsets: readonly { offset: Record<string, unknown> | null }[]): Lsn | undefined {
  const lsns = offsets.flatMap(({ offset }) =>
    ['lsn', 'lsn_proc', 'lsn_commit'].flatMap((key) => {
      const value = offset?.[key]
      return typeof value === 'bigint' || typeof value === 'number' ? [BigInt(value)] : []
    }),
  )
  return lsns.reduce<Lsn | undefined>((highest, lsn) => (highest === undefined || lsn > highest ? lsn : highest), undefined)
}
