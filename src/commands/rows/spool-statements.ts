import { appendFile, open } from 'node:fs/promises'
import { join } from 'node:path'

/** Statements of one table, by what they do: INSERTs go parents first, DELETEs children first, so they wait in files of their own. */
export interface StatementSpool {
  add(kind: SpoolKind, statement: string): Promise<void>
  /** What was added under a kind, in order. To be read once nothing is added any more. */
  read(kind: SpoolKind): AsyncGenerator<Uint8Array>
}

export type SpoolKind = 'missing' | 'changed' | 'added'

const bufferLimit = 1 << 18

/** Keeps statements in files of `directory`, whose names begin with `name`. Memory holds 256 KiB of each kind. */
export function statementSpool(directory: string, name: string): StatementSpool {
  const fileOf = (kind: SpoolKind) => join(directory, `${name}.${kind}.sql`)
  const waiting: Record<SpoolKind, string> = { missing: '', changed: '', added: '' }
  const flush = async (kind: SpoolKind) => {
    await appendFile(fileOf(kind), waiting[kind])
    waiting[kind] = ''
  }
  return {
    async add(kind, statement) {
      waiting[kind] += statement
      if (waiting[kind].length > bufferLimit) await flush(kind)
    },
    async *read(kind) {
      await flush(kind)
      const file = await open(fileOf(kind))
      for await (const chunk of file.createReadStream()) yield chunk as Uint8Array
    },
  }
}
