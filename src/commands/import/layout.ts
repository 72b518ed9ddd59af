import { readFile } from 'node:fs/promises'
import { dirname, join, basename } from 'node:path'
import { DatapipeError } from '../../base/errors.ts'
import { aboutSchema, type ExportAbout } from '../export/about.ts'
import { type ColumnName, columnNames, type ExportFormat } from '../export/columns.ts'

/** How the lines of a file are to be read, and what they are of. */
export interface Layout {
  kind: ExportFormat
  columns: ColumnName[]
  /** The file's own topic, when it says so. */
  topic: string | undefined
  about: ExportAbout | undefined
}

/**
 * From FILE.about.json, or from what was typed where there is none. Throws `usage` when nobody says what the columns are, when one has no such name, or when they
 * cannot be read back: headers are printed for people.
 */
export async function layoutOf(file: string, typed: { columns?: string[] | undefined; kind?: ExportFormat | undefined }): Promise<Layout> {
  const about = await readAbout(file)
  const kind = typed.kind ?? about?.kind ?? 'avro-json'
  if (kind === 'raw') return { kind, columns: [], topic: about?.topic, about }
  const columns = typed.columns === undefined ? about?.columns : typed.columns.map((name) => columnNamed(name, file))
  if (columns === undefined)
    throw new DatapipeError('usage', `nothing says what the columns of ${file} are`, {
      path: file,
      hint: `name them in their order, e.g. --columns key value; there are ${columnNames.join(', ')}`,
    })
  if (!columns.includes('value')) throw new DatapipeError('usage', `the columns of ${file} have no value`, { path: file })
  if (new Set(columns).size < columns.length) throw new DatapipeError('usage', `a column of ${file} is named twice`, { path: file })
  if (columns.includes('headers'))
    throw new DatapipeError('usage', `the headers of ${file} cannot be read back: their values may hold the characters between them`, {
      path: file,
      hint: 'export without headers, or with --format raw, which carries them',
    })
  return { kind, columns: [...columns], topic: about?.topic, about }
}

function columnNamed(name: string, file: string): ColumnName {
  const found = columnNames.find((one) => one === name)
  if (found === undefined) throw new DatapipeError('usage', `there is no column ${name}`, { path: file, hint: `there are ${columnNames.join(', ')}` })
  return found
}

async function readAbout(file: string): Promise<ExportAbout | undefined> {
  const path = join(dirname(file), `${basename(file)}.about.json`)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined
    throw new DatapipeError('storage-failed', 'the file that describes the export cannot be read', { path, cause })
  }
  try {
    return aboutSchema.parse(JSON.parse(text))
  } catch (cause) {
    throw new DatapipeError('usage', `${path} does not describe an export of this version`, {
      path,
      hint: 'mend it, or remove it and name the columns with --columns',
      cause,
    })
  }
}
