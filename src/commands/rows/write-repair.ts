import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Context } from '../../base/context.ts'
import { type DumpSection, dumpSections, dumpTables } from '../../components/postgres/dropped-tables.ts'
import { repairHead, repairTail } from '../../components/postgres/repair-sql.ts'
import type { PostgresTools } from '../../components/postgres/tools.ts'
import { writeFileWhole } from '../export/write-file.ts'
import type { RowKind } from './row-kinds.ts'
import type { ComparedTables, TableDifference } from './compare-tables.ts'

export interface WriteRepairOptions {
  compared: ComparedTables
  tools: PostgresTools
  /** Of the scratch server. */
  url: string
  database: string
  /** What the rows are those of, for the first lines. */
  point: string
  directory: string
  kinds: readonly RowKind[]
  context: Context
}

/**
 * Writes one transaction: dropped tables and their rows, missing rows parents first, changed ones, added ones children first, then what only
 * stands on whole tables: indexes, foreign keys, triggers, publications. Throws `tool-failed`, `storage-failed`.
 */
export async function writeRepair(output: string, options: WriteRepairOptions): Promise<void> {
  const { compared, directory } = options
  const { spools, along } = compared
  const dumped = compared.dropped.length === 0 ? undefined : await dumpSectionsOf(options)
  await writeFileWhole(
    output,
    (async function* () {
      yield text(`${headOf(options)}${repairHead}`)
      yield* lines('schemas that are gone', along.schemas)
      if (dumped !== undefined) {
        yield* fileOf(join(directory, dumped['pre-data']))
        yield* fileOf(join(directory, dumped.data))
        // pg_dump leaves the session without a search path, in which triggers may not find their functions.
        yield text('RESET search_path;\n')
      }
      yield* lines(
        'partitions that are gone, their rows below',
        compared.lonely.map(({ create }) => create),
      )
      for (const [kind, order] of [
        ['missing', spools],
        ['changed', spools],
        ['added', spools.toReversed()],
      ] as const)
        for (const { spool } of order) yield* spool.read(kind)
      if (dumped !== undefined) {
        yield* fileOf(join(directory, dumped['post-data']))
        yield text('RESET search_path;\n')
      }
      yield* lines('foreign keys of other tables', along.constraints)
      yield* lines('publications: change capture sees the tables again', along.publications)
      yield text(repairTail)
    })(),
  )
}

async function dumpSectionsOf({ compared, tools, url, database, directory, context }: WriteRepairOptions): Promise<Record<DumpSection, string>> {
  const names = [...compared.dropped.map(({ table }) => table), ...compared.along.views]
  const files = { 'pre-data': 'dump.pre-data.sql', data: 'dump.data.sql', 'post-data': 'dump.post-data.sql' }
  for (const section of dumpSections) await dumpTables({ tools, url, database, names, section, file: join(directory, files[section]), context })
  return files
}

function headOf({ compared, database, point, kinds, context }: WriteRepairOptions): string {
  const each = compared.tables.filter(({ state }) => state !== 'same').map((table) => `--   ${oneLine(describe(table))}\n`)
  return `-- Brings rows of database ${oneLine(database)} back as they were at ${point}. Written at ${context.now().toISOString()}.
${each.join('')}-- In this file: rows that are ${kinds.join(', ')}, and tables that are gone. One transaction: all of it, or nothing.
-- Read it first. Then, once: psql -d ${oneLine(database)} -f THIS_FILE
-- UPDATE 0 or DELETE 0: the row has changed since this file was written, and was left alone.

`
}

export function describe({ table, state, rows, missing, changed, added, again }: TableDifference): string {
  if (state === 'dropped') return `${table}: gone, with ${rows} rows`
  return state === 'same'
    ? `${table}: the same`
    : `${table}: ${missing} rows missing, ${changed} changed${again === 0 ? '' : ` (${again} of them again since, left as comments)`}, ${added} added`
}

/** A name with a line break in it would end a comment, and go on as a statement. */
const oneLine = (words: string) => words.replace(/[\r\n]/g, ' ')

function* lines(title: string, statements: readonly string[]): Generator<Uint8Array> {
  if (statements.length > 0) yield text(`\n-- ${title}\n${statements.join('\n')}\n`)
}

async function* fileOf(path: string): AsyncGenerator<Uint8Array> {
  const file = await open(path)
  for await (const chunk of file.createReadStream()) yield chunk as Uint8Array
}

const text = (words: string) => Buffer.from(words)
