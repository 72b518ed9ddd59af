import { byVersion, type SnapshotVersion, versionKey } from './snapshot.ts'
import { resolveReference } from './subject.ts'

/**
 * The versions in an order in which each comes after all that it refers to; otherwise by subject and ascending version.
 * A reference to a version that is not in the list does not hold anything up; a circle (which no registry lets in) is broken where it is met.
 */
export function parentsFirst(versions: readonly SnapshotVersion[]): SnapshotVersion[] {
  const byKey = new Map(versions.map((version) => [versionKey(version), version]))
  const done = new Set<string>()
  const ordered: SnapshotVersion[] = []
  for (const first of [...versions].sort(byVersion)) {
    // Depth first without recursion: a chain of references may be long.
    const stack: { version: SnapshotVersion; entered: boolean }[] = [{ version: first, entered: false }]
    for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
      const key = versionKey(top.version)
      if (top.entered) ordered.push(top.version)
      else if (!done.has(key)) {
        done.add(key)
        stack.push({ version: top.version, entered: true })
        for (const reference of top.version.references) {
          const parent = byKey.get(versionKey({ subject: resolveReference(top.version.subject, reference.subject), version: reference.version }))
          if (parent !== undefined && !done.has(versionKey(parent))) stack.push({ version: parent, entered: false })
        }
      }
    }
  }
  return ordered
}
