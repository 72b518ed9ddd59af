import { type AvroSchema, AvroSchemaError, parseSchema } from '../../avro/schema.ts'
import type { RegistryConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import { probeRegistry } from '../../components/registry/index.ts'
import type { RegistrySnapshot } from '../../components/registry/snapshot.ts'
import { storedSchemas } from '../cut/stored-schemas.ts'

/** Schemas by the ids of live records: the backup's, and of those registered since what the live registry says. */
export interface PhantomSchemas {
  /** A text says why there is none. Throws AvroSchemaError. */
  schemaOf(id: number): AvroSchema | string
  /** Fetches what the backup does not have, before `schemaOf` is asked for it. Throws nothing for a registry that does not answer. */
  prepare(record: { value: Buffer | null }): Promise<void>
}

/** The ids of a restored registry and those of the live one are the same, or a restore would have failed. */
export function phantomSchemas(snapshot: RegistrySnapshot | undefined, registry: RegistryConfig | undefined, context: Context): PhantomSchemas {
  const stored = storedSchemas(snapshot)
  const fetched = new Map<number, AvroSchema | string>()
  const looked = new Set<number>()
  const known = new Set(snapshot?.versions.filter(({ subject }) => !subject.startsWith(':.')).map(({ id }) => id))
  const fetch = async (id: number): Promise<AvroSchema | string> => {
    if (registry === undefined) return `the backup's registry has no schema ${id}`
    try {
      const found = await (await probeRegistry(registry, context)).connection.confluent.byId(id)
      if (found === undefined) return `neither the backup nor the registry has its schema ${id}`
      return found.schemaType === 'AVRO' ? parseSchema(found.schema) : `its schema ${id} is ${found.schemaType}, and only Avro and JSON are read`
    } catch (error) {
      if (error instanceof AvroSchemaError) return `schema ${id} does not parse: ${error.message}`
      if (!(error instanceof DatapipeError) || error.code === 'interrupted') throw error
      return `its schema ${id} is not in the backup, and the registry does not tell it: ${error.message}`
    }
  }
  return {
    schemaOf: (id) => fetched.get(id) ?? stored(id),
    async prepare({ value }) {
      if (value === null || value.length < 5 || value[0] !== 0) return
      const id = value.readUInt32BE(1)
      if (looked.has(id)) return
      looked.add(id)
      if (!known.has(id)) fetched.set(id, await fetch(id))
    },
  }
}
