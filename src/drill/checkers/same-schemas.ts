import type { ObservedSchema, RegistryObservation } from '../observers/observation.ts'
import { type CheckResult, check, FindingList } from './check-result.ts'
import { compareMaps } from './same-definitions.ts'

/** Same subjects, versions, ids, schemas, references, soft deletes, compatibility and modes. */
export function sameSchemas(before: RegistryObservation, after: RegistryObservation): CheckResult {
  return check('same-schemas', 'registry', () => {
    const list = new FindingList('registry', 'datapipe diff BACKUP; restore the registry again with another --registry-route')
    const name = (schema: ObservedSchema) => `${schema.subject}/${schema.version}`
    const now = new Map(after.schemas.map((schema) => [name(schema), schema]))
    for (const schema of before.schemas) {
      const item = name(schema)
      const other = now.get(item)
      now.delete(item)
      if (other === undefined) {
        list.harm('version-missing', item, `not there any more: id ${schema.id}, ${schema.schema.slice(0, 120)}`, schema.subject)
        continue
      }
      if (other.id !== schema.id) list.harm('id-moved', item, `had id ${schema.id}, has id ${other.id}`)
      if (other.schema !== schema.schema) list.harm('schema-changed', item, `was ${schema.schema.slice(0, 200)}, is ${other.schema.slice(0, 200)}`)
      if (other.schemaType !== schema.schemaType) list.harm('schema-type-changed', item, `was ${schema.schemaType}, is ${other.schemaType}`)
      if (other.deleted !== schema.deleted)
        list.harm('soft-delete-differs', item, schema.deleted ? 'was soft-deleted, is live' : 'was live, is soft-deleted')
      const [was, is] = [schema, other].map((one) =>
        one.references.map((reference) => `${reference.name} → ${reference.subject}/${reference.version}`).join(', '),
      )
      if (was !== is) list.harm('references-differ', item, `were ${was || 'none'}, are ${is || 'none'}`)
    }
    for (const schema of now.values()) list.harm('version-extra', name(schema), `was not there before: id ${schema.id}`, schema.subject)
    compareMaps(before.compatibility, after.compatibility, 'compatibility', list)
    compareMaps(before.modes, after.modes, 'mode', list)
    const counts = {
      subjects: new Set(before.schemas.map((schema) => schema.subject)).size,
      versions: before.schemas.length,
      deletedVersions: before.schemas.filter((schema) => schema.deleted).length,
    }
    return { counts, findings: list.findings, compared: counts.versions }
  })
}
