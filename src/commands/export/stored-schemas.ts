import { compileTopLevel } from '../../avro/print-top-level.ts'
import { type AvroSchema, AvroSchemaError, parseSchema } from '../../avro/schema.ts'
import { DatapipeError } from '../../base/errors.ts'
import { idsOf, type RegistrySnapshot, type SnapshotVersion, versionKey } from '../../components/registry/snapshot.ts'
import { resolveReference } from '../../components/registry/subject.ts'
import type { ExportedSchema } from './about.ts'

export interface StoredSchema extends ExportedSchema {
  print: ReturnType<typeof compileTopLevel>
}

/** The schema of an id; `what` carries it and `place` is where, for errors. */
export type SchemaOf = (id: number, what: string, place: string) => StoredSchema

/** The schemas of a backup by id, parsed on first use. Throws `not-supported` for an id that the backup's registry does not have, or that is no Avro. */
export function storedSchemas(snapshot: RegistrySnapshot): SchemaOf {
  // Records of a cluster carry ids of the default context.
  const byId = new Map(
    idsOf(snapshot)
      .filter(({ context }) => context === '.')
      .map(({ id, of }) => [id, of]),
  )
  const byVersion = new Map(snapshot.versions.map((version) => [versionKey(version), version]))
  const parsed = new Map<number, StoredSchema>()
  return (id, what, place) => {
    const known = parsed.get(id)
    if (known !== undefined) return known
    const version = byId.get(id)
    if (version === undefined) throw notAvro(what, place, `carries schema id ${id}, which the backup's registry does not have`)
    if (version.type !== 'AVRO') throw notAvro(what, place, `is ${version.type}, not Avro`)
    const referenced = referencedTexts(version, byVersion)
    const found: StoredSchema = {
      id,
      schema: version.schema,
      referenced,
      print: compileTopLevel(parseWhole(version.schema, referenced, `schema ${id}`)),
    }
    parsed.set(id, found)
    return found
  }
}

/** Parses a schema after those that it refers to. */
export function parseWhole(schema: string, referenced: readonly string[], place: string): AvroSchema {
  const known = new Map<string, AvroSchema>()
  try {
    for (const text of referenced) parseSchema(text, known)
    return parseSchema(schema, known)
  } catch (cause) {
    if (cause instanceof AvroSchemaError) throw new DatapipeError('not-supported', `the schema of ${place} cannot be read`, { path: place, cause })
    throw cause
  }
}

/** Depth first, each once: every text comes after those that it refers to. */
function referencedTexts(version: SnapshotVersion, all: Map<string, SnapshotVersion>, seen: Set<string> = new Set()): string[] {
  return version.references.flatMap((reference) => {
    const key = versionKey({ subject: resolveReference(version.subject, reference.subject), version: reference.version })
    const found = all.get(key)
    if (seen.has(key)) return []
    seen.add(key)
    if (found === undefined) {
      const item = `${reference.subject}/${reference.version}`
      throw new DatapipeError('artifact-damaged', `the backup's registry lacks ${item}, which ${version.subject}/${version.version} refers to`, {
        path: item,
      })
    }
    return [...referencedTexts(found, all, seen), found.schema]
  })
}

function notAvro(what: string, place: string, why: string): DatapipeError {
  return new DatapipeError('not-supported', `${what} ${why}`, { path: place, hint: 'export this topic with --format raw: it takes any bytes' })
}
