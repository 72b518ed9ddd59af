import { z } from 'zod'
import { columnNames, exportFormats } from './columns.ts'

const count = z.number().int().nonnegative()

/** A schema that records of the file are written with: its text, and those that it refers to, in an order in which they can be parsed. */
const schemaSchema = z.strictObject({ id: z.number().int().nonnegative(), schema: z.string(), referenced: z.array(z.string()) })
export type ExportedSchema = z.infer<typeof schemaSchema>

/**
 * `FILE.about.json` beside each exported file: what it holds, how its lines are to be read, and what it does not hold of the records,
 * counted from the records themselves. `import` reads its layout from here.
 */
export const aboutSchema = z.strictObject({
  format: z.literal(1),
  kind: z.enum(exportFormats),
  /** The file's name, in the same directory. */
  file: z.string(),
  topic: z.string(),
  /** The backup's id. */
  backup: z.string(),
  /** The part of the records that was asked for, as it was typed; without it: all. */
  only: z.strictObject({ offsets: z.array(z.string()).optional(), fromTime: z.string().optional(), toTime: z.string().optional() }).optional(),
  records: count,
  /** Records with a null value: lines `null`. */
  tombstones: count,
  partitions: count,
  /** Of avro-json lines; raw lines name their parts themselves. */
  columns: z.array(z.enum(columnNames)),
  /** The ids in front of the keys and values, each with its schema. */
  schemas: z.strictObject({ key: z.array(schemaSchema), value: z.array(schemaSchema) }),
  /**
   * What the records have and the file has not: `keys`, `timestamps`, `partitions`, `offsets`, `schemaIds` count records (and keys) without their column; `headers`
   * counts headers; `tombstones` those that nobody can tell from a value without their key.
   */
  lost: z.record(z.string(), count),
})
export type ExportAbout = z.infer<typeof aboutSchema>
