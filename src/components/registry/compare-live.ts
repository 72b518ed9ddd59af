import type { Finding } from '../../base/finding.ts'
import { diffRegistry } from './diff.ts'
import type { RegistrySnapshot } from './snapshot.ts'

/** What a registry has otherwise than the backup; of different makes, only what both can hold. */
export function differencesToBackup(wanted: RegistrySnapshot, live: RegistrySnapshot): Finding[] {
  return diffRegistry(comparable(wanted, live), comparable(live, wanted), { a: 'the backup', b: 'the registry' })
}

/** A registry of another make has other settings of its own. */
function comparable(side: RegistrySnapshot, other: RegistrySnapshot): RegistrySnapshot {
  return side.kind === 'apicurio' && other.kind !== 'apicurio' ? { ...side, config: { ...side.config, global: other.config.global } } : side
}
