import { expect, test } from 'vitest'
import type { ObservedSchema, RegistryObservation } from '../observers/observation.ts'
import { exampleRegistry } from './example-observations.ts'
import { sameSchemas } from './same-schemas.ts'

function spoil(change: (second: ObservedSchema, all: RegistryObservation) => void) {
  const after = exampleRegistry()
  change(after.schemas[1] as ObservedSchema, after)
  return sameSchemas(exampleRegistry(), after)
}

test('equal registries pass', () => {
  expect(spoil(() => {})).toMatchObject({ verdict: 'pass', counts: { subjects: 2, versions: 3, deletedVersions: 1 } })
})

test.each<[string, (second: ObservedSchema, all: RegistryObservation) => void]>([
  ['id-moved', (second) => (second.id = 8)],
  ['schema-changed', (second) => (second.schema = '"other"')],
  ['schema-type-changed', (second) => (second.schemaType = 'JSON')],
  ['references-differ', (second) => (second.references = [])],
  ['soft-delete-differs', (second) => (second.deleted = true)],
  ['version-missing', (_second, all) => all.schemas.splice(1, 1)],
  ['version-extra', (second, all) => all.schemas.push({ ...second, version: 3 })],
  ['compatibility-changed', (_second, all) => (all.compatibility.orders = 'NONE')],
  ['compatibility-missing', (_second, all) => (all.compatibility = {})],
  ['mode-changed', (_second, all) => (all.modes[''] = 'IMPORT')],
])('%s', (code, change) => {
  expect(spoil(change)).toMatchObject({ verdict: 'fail', findings: [{ code }] })
})

test('an empty registry is unknown', () => {
  const empty = { schemas: [], compatibility: {}, modes: {} }
  expect(sameSchemas(empty, empty).verdict).toBe('unknown')
})
