import { expect, test } from 'vitest'
import { isEphemeralGroup } from './ephemeral-groups.ts'

test('a registry instance reading its journal is ephemeral, a group that a person named is not', () => {
  expect(isEphemeralGroup('apicurio-6f69628a-4fce-46de-bf97-63befdf02db9')).toBe(true)
  expect(isEphemeralGroup('apicurio-billing')).toBe(false)
  expect(isEphemeralGroup('6f69628a-4fce-46de-bf97-63befdf02db9')).toBe(false)
})
