import { randomUUID } from 'node:crypto'
import { describeError } from '../../base/errors.ts'
import type { CheckItem } from '../../components/component.ts'
import { openStorage } from '../../storage/open-storage.ts'

/** Can the repository be written to, read from, and removed from? */
export async function checkRepositoryPlace(url: string): Promise<CheckItem[]> {
  const item = { component: 'repository' as const, name: 'repository takes and gives files' }
  const path = `check-${randomUUID()}`
  try {
    const storage = openStorage(url)
    const written = Buffer.from(path)
    await storage.put(path, [written])
    const pieces: Uint8Array[] = []
    for await (const piece of storage.get(path)) pieces.push(piece)
    await storage.remove(path)
    const same = Buffer.concat(pieces).equals(written)
    return [{ ...item, verdict: same ? 'pass' : 'fail', detail: same ? url : `${url} gave back something else than was written` }]
  } catch (error) {
    return [{ ...item, verdict: 'fail', detail: describeError(error), next: 'check repository.url, space and permissions' }]
  }
}
