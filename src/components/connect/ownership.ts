import type { Lsn } from '../../base/lsn.ts'
import { databaseOf, flushesItsSlot, slotNameOf } from './debezium.ts'

/** The PostgreSQL that is backed up, as far as it tells which connectors read it. */
export interface ServerOfConnectors {
  /** Logical slots, looked at before the offsets of the connectors were read. */
  slots: readonly { name: string; database: string; confirmedFlushLsn: Lsn | undefined }[]
  /** End of the WAL, looked at after that. */
  flushLsn: Lsn
}

/** A Debezium connector, and what is known of the server that it reads. */
export interface Candidate {
  name: string
  config: Record<string, string>
  /** Does its `database.hostname` and `database.port` lead to the server? By its addresses as seen from here: `false` is no proof of the opposite. */
  sameAddress: boolean
  /** datapipe.yaml says that it reads another server. */
  declaredOther: boolean
  /** The highest LSN of its stored offset; undefined before the first. */
  lsn: Lsn | undefined
}

/** `reason` is for people: why a connector was taken for another server's. */
export type Ownership = { owned: true } | { owned: false; declared: boolean; reason: string } | { owned: 'unknown'; reason: string }

/**
 * Which Debezium connectors read this server? Others share their Connect cluster: their slots, LSNs and offsets are none of its business.
 *
 * The name of the host proves that a connector does, never that it does not: workers may see the server under another name. Then it must be
 * shown: its slot is here, on its database, and its stored offset lies between what the slot has confirmed and the end of the WAL. (Debezium
 * confirms what it has stored, so an offset lies at or above its slot; the offset of another server only does so by chance.) A slot has one
 * reader: where two could be it, one that is known by its address is, and otherwise nobody knows. Pure.
 */
export function ownerships(candidates: readonly Candidate[], server: ServerOfConnectors): Map<string, Ownership> {
  const first = new Map(candidates.map((candidate) => [candidate.name, judge(candidate, server)]))
  return new Map(
    candidates.map((candidate) => [candidate.name, contested(candidate, candidates, first) ?? first.get(candidate.name) ?? { owned: true }]),
  )
}

function judge({ config, sameAddress, declaredOther, lsn }: Candidate, { slots, flushLsn }: ServerOfConnectors): Ownership {
  const other = (reason: string): Ownership => ({ owned: false, declared: false, reason: `it reads ${whereItReads(config)}, and ${reason}` })
  if (declaredOther) return { owned: false, declared: true, reason: 'connect.otherServers says so' }
  if (sameAddress) return { owned: true }
  const slot = slots.find(({ name }) => name === slotNameOf(config))
  if (slot === undefined) return other(`there is no slot ${slotNameOf(config)} here`)
  if (slot.database !== databaseOf(config)) return other(`slot ${slot.name} here is one of database ${slot.database}`)
  if (lsn === undefined) return { owned: true }
  if (lsn > flushLsn) return other("its offset lies beyond this server's WAL")
  const { confirmedFlushLsn } = slot
  if (confirmedFlushLsn !== undefined && lsn < confirmedFlushLsn && flushesItsSlot(config))
    return other(`its offset lies before what slot ${slot.name} here has confirmed`)
  return { owned: true }
}

function contested(candidate: Candidate, all: readonly Candidate[], judged: ReadonlyMap<string, Ownership>): Ownership | undefined {
  if (judged.get(candidate.name)?.owned !== true || candidate.sameAddress) return undefined
  const slot = slotNameOf(candidate.config)
  const rivals = all.filter(
    ({ name, config }) =>
      name !== candidate.name &&
      judged.get(name)?.owned === true &&
      slotNameOf(config) === slot &&
      databaseOf(config) === databaseOf(candidate.config),
  )
  const [rival] = rivals
  if (rival === undefined) return undefined
  const known = rivals.find(({ sameAddress }) => sameAddress)
  if (known !== undefined)
    return { owned: false, declared: false, reason: `slot ${slot} here is that of connector ${known.name}, which reads this server` }
  return { owned: 'unknown', reason: `connectors ${candidate.name} and ${rival.name} both use a slot ${slot}, and a slot has one reader` }
}

/** `host:port/database` of a connector's configuration. */
export function whereItReads(config: Record<string, string>): string {
  return `${config['database.hostname'] ?? '(no host)'}:${config['database.port'] ?? '5432'}/${databaseOf(config)}`
}
