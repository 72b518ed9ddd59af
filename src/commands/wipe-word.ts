import { createHash } from 'node:crypto'
import type { TargetIdentity } from '../components/component.ts'

/**
 * The one word that confirms a wipe. A single target: its identity. Several: each component with the first 8 hexadecimal digits of its
 * identity's SHA-256, in order of name, e.g. `connect-1f2e3d4c.kafka-5b6a7988`. So it proves all of them: a word that was read for other
 * servers, or for fewer, does not fit. No word needs quotes but the identity of a Connect cluster alone.
 */
export function wipeWord(targets: readonly TargetIdentity[]): string {
  const [only, ...others] = targets
  if (only === undefined) throw new TypeError('no target')
  if (others.length === 0) return only.identity
  return targets
    .map(({ component, identity }) => `${component}-${createHash('sha256').update(identity).digest('hex').slice(0, 8)}`)
    .sort()
    .join('.')
}
