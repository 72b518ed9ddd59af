import type { RegistryConfig } from '../../base/config.ts'
import type { Component } from '../component.ts'
import { checkRegistry, identifyRegistry } from './check.ts'
import { parseRegistryPart, type RegistryPart } from './part.ts'
import { planWipeRegistry, wipeRegistry } from './wipe.ts'

export { backupRegistry } from './backup.ts'
export { diffRegistry } from './diff.ts'
export { inventoryRegistry, type RegistrySide } from './inventory.ts'
export { type RegistryPart, type RegistryRoute, registryPartSchema, registryRoutes } from './part.ts'
export { type PlanRestoreOptions, planRestoreRegistry, type RegistryRestorePlan } from './plan-restore.ts'
export { probeRegistry, type RegistryProbe } from './probe.ts'
export { restoreRegistry } from './restore.ts'
export type { RegistrySnapshot } from './snapshot.ts'
export { type UsedSchemaId, verifyRegistry, verifyRestoredIds } from './verify.ts'

export const registryComponent: Component<RegistryConfig, RegistryPart> = {
  name: 'registry',
  parsePart: parseRegistryPart,
  check: checkRegistry,
  identify: identifyRegistry,
  planWipe: planWipeRegistry,
  wipe: wipeRegistry,
}
