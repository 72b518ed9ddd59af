import type { ComponentName } from '../../base/events.ts'
import { type ConnectPart, parseConnectPart } from '../../components/connect/part.ts'
import { type KafkaPart, parseKafkaPart, schemaIdsOf } from '../../components/kafka/part.ts'
import { type PostgresPart, parsePostgresPart } from '../../components/postgres/part.ts'
import { parseRegistryPart, type RegistryPart } from '../../components/registry/part.ts'
import type { UsedSchemaId } from '../../components/registry/verify.ts'
import type { Backup } from '../../repository/open-backup.ts'

/** The parts of a backup that a command works on. */
export interface Parts {
  postgres?: PostgresPart
  kafka?: KafkaPart
  registry?: RegistryPart
  connect?: ConnectPart
}

/** Parses the parts, those in `only` when given. Throws `format-too-new`, `artifact-damaged`. */
export function partsOf({ manifest }: Pick<Backup, 'manifest'>, only?: ComponentName[]): Parts {
  const { postgres, kafka, registry, connect } = manifest.components
  const wanted = (name: ComponentName) => only === undefined || only.includes(name)
  return {
    ...(postgres !== undefined && wanted('postgres') && { postgres: parsePostgresPart(postgres) }),
    ...(kafka !== undefined && wanted('kafka') && { kafka: parseKafkaPart(kafka) }),
    ...(registry !== undefined && wanted('registry') && { registry: parseRegistryPart(registry) }),
    ...(connect !== undefined && wanted('connect') && { connect: parseConnectPart(connect) }),
  }
}

/**
 * Schema ids that the records of a backup carry. Sides with records that are not framed count, too (an empty value among Avro ones is
 * no rarity); where most are not, only ids that the registry had do. A side without any id that the registry had, all of them greater than
 * a registry ever counts, has its ids elsewhere (Apicurio's record headers): a null union and a long before it read like magic byte and id.
 */
export function usedIdsOf({ kafka, registry }: Pick<Parts, 'kafka' | 'registry'>): UsedSchemaId[] {
  if (kafka === undefined) return []
  const known = new Set(registry?.ids.map(({ id }) => id))
  return schemaIdsOf(kafka).flatMap(({ topic, framed, ids }) => {
    if (!ids.some(({ id }) => known.has(id) || id < 2 ** 24)) return []
    const counting = ids.filter(({ id }) => framed !== 'hardly' || known.has(id))
    return counting.map(({ id, partition, offset }) => ({ id, topic, partition, offset }))
  })
}
