import { z } from 'zod'
import type { Context } from '../base/context.ts'
import { DatapipeError } from '../base/errors.ts'
import { stringifyJson } from '../base/lossless-json.ts'
import type { Storage } from '../storage/storage.ts'
import { markerPath } from './layout.ts'
import { parseStored, readBytes } from './read-json.ts'

/** The newest repository layout this version reads, and the one that new repositories get. Since 2 backups may need files of earlier ones. */
export const repositoryFormat = 2

const markerSchema = z.looseObject({ kind: z.literal('datapipe-repository'), format: z.number().int().positive() })

/** Makes the storage a repository when it is none yet. Returns its layout. Throws `format-too-new`. */
export async function initRepository(storage: Storage, context: Context): Promise<number> {
  if (!(await storage.exists(markerPath))) {
    const marker = { kind: 'datapipe-repository', format: repositoryFormat, createdAt: context.now().toISOString() }
    try {
      await storage.put(markerPath, [Buffer.from(`${stringifyJson(marker, 2)}\n`)])
    } catch (error) {
      // Two first runs at the same moment: the other one's marker is as good as ours.
      if (!(await storage.exists(markerPath))) throw error
    }
  }
  return await checkRepository(storage)
}

/**
 * The repository's layout. Throws `backup-not-found` when the storage holds no repository (a misspelt URL must not look like an empty one),
 * `format-too-new`.
 */
export async function checkRepository(storage: Storage): Promise<number> {
  if (!(await storage.exists(markerPath))) {
    throw new DatapipeError('backup-not-found', `no datapipe repository at ${storage.url}`, {
      path: 'repository.url',
      hint: 'correct repository.url, or run `datapipe backup` to begin one there',
    })
  }
  const { format } = parseStored(markerSchema, (await readBytes(storage, markerPath)).toString('utf8'), markerPath)
  if (format > repositoryFormat) {
    throw new DatapipeError('format-too-new', `the repository has layout ${format}; this version knows up to ${repositoryFormat}`, {
      path: markerPath,
    })
  }
  return format
}
