import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { DatapipeError } from '../../base/errors.ts'
import { addPartition, addRun, adoptPartition, type OffsetMap } from '../../components/kafka/offset-map.ts'

const offset = z.string().regex(/^\d{1,19}$/)
const fileSchema = z.object({
  kind: z.literal('datapipe-offset-map'),
  format: z.literal(1),
  backup: z.string(),
  partitions: z.array(
    z.object({ topic: z.string(), partition: z.number().int(), to: z.string(), end: offset, runs: z.array(z.tuple([offset, offset, offset])) }),
  ),
})

/** Reads what `restore --offset-map FILE` wrote. Throws `usage` for a file that is none, or that belongs to another backup. */
export async function readOffsetMap(file: string, backup: string): Promise<OffsetMap> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new DatapipeError('usage', 'the offset map cannot be read', { path: file, cause })
  })
  const parsed = fileSchema.safeParse(jsonOf(text, file))
  if (!parsed.success)
    throw new DatapipeError('usage', `${file} is no offset map: ${parsed.error.issues[0]?.message ?? ''}`, {
      path: file,
      hint: 'a restore writes one with --offset-map FILE',
    })
  if (parsed.data.backup !== backup) {
    throw new DatapipeError('usage', `the offset map tells of backup ${parsed.data.backup}, not of ${backup}`, {
      path: file,
      hint: `name ${parsed.data.backup}`,
    })
  }
  const map: OffsetMap = new Map()
  for (const { topic, partition, to, end, runs } of parsed.data.partitions) {
    const own: OffsetMap = new Map()
    addPartition(own, to, partition, 0n)
    for (const [source, target, count] of runs) addRun(own, to, partition, { source: BigInt(source), target: BigInt(target), count: BigInt(count) })
    const made = own.get(`${to}/${partition}`)
    if (made !== undefined) made.end = BigInt(end)
    adoptPartition(map, own, { source: topic, target: to, partition })
  }
  return map
}

function jsonOf(text: string, file: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new DatapipeError('usage', `${file} is no JSON`, { path: file, cause })
  }
}
