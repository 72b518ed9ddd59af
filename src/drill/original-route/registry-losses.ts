import { type CheckResult, check, FindingList } from '../checkers/check-result.ts'
import type { ObservedSchema, RegistryObservation } from '../observers/observation.ts'

/** What registering schemas again over REST does not carry, by the code of its finding. */
export const knownRegistryLosses = ['schemas-refused', 'schema-ids-changed', 'versions-renumbered', 'soft-deleted-lost', 'settings-lost']

/**
 * Finds every schema of before again by subject and text, and counts those that have another id or version number, soft-deleted ones that are gone, and
 * compatibility levels and modes. `refused`: what the registry answered to those that it did not take. Any other live schema that is not there is harm of its own.
 */
export function registryLosses(
  before: RegistryObservation,
  after: RegistryObservation,
  refused: Record<string, string> = {},
): CheckResult & { losses: Record<string, number> } {
  const losses = { refusedSchemas: 0, schemaIds: 0, versionNumbers: 0, softDeletedVersions: 0, settings: 0 }
  const result = check('registry-losses', 'registry', () => {
    const list = new FindingList('registry', 'read docs/original-route.md: the engine brings back the same ids')
    for (const schema of before.schemas) {
      const item = `${schema.subject}/${schema.version}`
      const now = after.schemas.find((one) => one.subject === schema.subject && sameText(one, schema) && !one.deleted)
      if (now === undefined && schema.deleted) {
        losses.softDeletedVersions += 1
        list.harm('soft-deleted-lost', item, `was soft-deleted, its id ${schema.id} could still be decoded; is not there`, 'soft-deleted versions')
      } else if (now === undefined && refused[item] !== undefined) {
        losses.refusedSchemas += 1
        list.harm('schemas-refused', item, `the registry did not take it back: ${refused[item]}`, 'refused schemas')
      } else if (now === undefined) list.harm('schema-missing', item, `not there any more: ${schema.schema.slice(0, 120)}`, schema.subject)
      else {
        if (now.id !== schema.id) {
          losses.schemaIds += 1
          list.harm('schema-ids-changed', item, `had id ${schema.id}, has id ${now.id}`, 'ids')
        }
        if (now.version !== schema.version) {
          losses.versionNumbers += 1
          list.harm('versions-renumbered', item, `is version ${now.version} now`, 'versions')
        }
      }
    }
    const settings = [...differing(before.compatibility, after.compatibility, 'compatibility'), ...differing(before.modes, after.modes, 'mode')]
    losses.settings = settings.length
    for (const [item, message] of settings) list.harm('settings-lost', item, message, 'settings')
    const counts = { subjects: new Set(before.schemas.map(({ subject }) => subject)).size, versions: before.schemas.length }
    return { counts, findings: list.findings, compared: counts.versions }
  })
  return { ...result, losses: Object.fromEntries(Object.entries(losses).filter(([, count]) => count > 0)) }
}

/** The same schema however a registry spaces its JSON. */
function sameText(a: ObservedSchema, b: ObservedSchema): boolean {
  return (
    a.schemaType === b.schemaType &&
    (a.schema === b.schema || (a.schemaType !== 'PROTOBUF' && JSON.stringify(JSON.parse(a.schema)) === JSON.stringify(JSON.parse(b.schema))))
  )
}

function differing(before: Record<string, string>, after: Record<string, string>, what: string): [item: string, message: string][] {
  return Object.entries(before)
    .filter(([subject, value]) => after[subject] !== value)
    .map(([subject, value]) => [subject === '' ? `global ${what}` : subject, `${what} was ${value}, is ${after[subject] ?? 'not set'}`])
}
