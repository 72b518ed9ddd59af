import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import type { Context } from '../../base/context.ts'
import { isRunning, processBirth } from '../../repository/process-birth.ts'

const prefix = 'datapipe-backup-'
const ownerFile = 'owner.json'
const ownerSchema = z.strictObject({ pid: z.number().int().positive(), birth: z.string().optional() })

/** Room for the WAL that is received until it is stored, removed when disposed. */
export interface Spool extends AsyncDisposable {
  readonly directory: string
}

/** A new directory in `parent` that carries its owner's name. What killed runs of this user left there is removed first: it may be as large as a database. */
export async function makeSpool(context: Context, parent = tmpdir()): Promise<Spool> {
  await sweepSpools(parent, context)
  const directory = await mkdtemp(join(parent, prefix))
  const birth = await processBirth(process.pid)
  await writeFile(join(directory, ownerFile), JSON.stringify({ pid: process.pid, ...(birth === undefined ? {} : { birth }) }))
  return { directory, [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }) }
}

async function sweepSpools(parent: string, context: Context): Promise<void> {
  for (const name of (await readdir(parent)).filter((entry) => entry.startsWith(prefix))) {
    const directory = join(parent, name)
    const owner = await ownerOf(directory)
    if (owner === undefined || (await isRunning(owner.pid, owner.birth))) continue
    await rm(directory, { recursive: true, force: true })
    context.emit({ type: 'log', level: 'info', message: `removed ${directory}, which a killed backup had left` })
  }
}

/** Undefined for what is not surely a spool of ours: another user's, one that is only being made, one that is gone. */
async function ownerOf(directory: string): Promise<z.infer<typeof ownerSchema> | undefined> {
  try {
    if ((await stat(directory)).uid !== process.getuid?.()) return undefined
    return ownerSchema.parse(JSON.parse(await readFile(join(directory, ownerFile), 'utf8')))
  } catch (error) {
    if (error instanceof z.ZodError || error instanceof SyntaxError || (error instanceof Error && 'code' in error)) return undefined
    throw error
  }
}
