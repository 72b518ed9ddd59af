import { AvroSchemaError, type AvroSchema, parseSchema } from '../../avro/schema.ts'
import type { RegistrySnapshot, SnapshotVersion } from '../../components/registry/snapshot.ts'

/**
 * The Avro schemas of a backup's registry by the ids that records carry, with what they refer to; a text says why there is none. Contexts
 * other than the default one count their own ids, and are not looked at. The returned function throws AvroSchemaError.
 */
export function storedSchemas(snapshot: RegistrySnapshot | undefined): (id: number) => AvroSchema | string {
  if (snapshot === undefined) return (id) => `the backup has no registry, so nobody knows its schema ${id}`
  const versions = new Map(snapshot.versions.map((version) => [`${version.subject}\n${version.version}`, version]))
  const byId = new Map<number, SnapshotVersion>()
  for (const version of snapshot.versions) {
    const known = byId.get(version.id)
    if (!version.subject.startsWith(':.') && (known === undefined || known.deleted)) byId.set(version.id, version)
  }
  const parse = (version: SnapshotVersion, names: Map<string, AvroSchema>): AvroSchema => {
    for (const { subject, version: number } of version.references) {
      const referenced = versions.get(`${subject}\n${number}`)
      if (referenced === undefined) throw new AvroSchemaError(`it refers to ${subject}, version ${number}, which the backup lacks`)
      const own = new Map<string, AvroSchema>()
      parse(referenced, own)
      // Two references may bring the same one.
      for (const [name, schema] of own) names.set(name, schema)
    }
    return parseSchema(version.schema, names)
  }
  return (id) => {
    const version = byId.get(id)
    if (version === undefined) return `the backup's registry has no schema ${id}`
    if (version.type !== 'AVRO') return `its schema ${id} is ${version.type}, and only Avro and JSON are read`
    return parse(version, new Map())
  }
}
