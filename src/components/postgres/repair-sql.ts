import { quoteName } from '../../clients/postgres.ts'
import type { Literals, RowDifference } from './row-differences.ts'
import type { ComparedTable, TableColumn } from './table-shape.ts'

/**
 * What the values in the statements were printed with, so that the comparisons with what a row holds now see the same texts; and a file that
 * is run without `ON_ERROR_STOP` changes nothing after its first error.
 */
export const repairHead = `\\set ON_ERROR_STOP on
BEGIN;
SET LOCAL standard_conforming_strings = on;
SET LOCAL client_encoding = 'UTF8';
SET LOCAL extra_float_digits = 1;
SET LOCAL DateStyle = 'ISO, YMD';
SET LOCAL IntervalStyle = 'iso_8601';
SET LOCAL TimeZone = 'UTC';
SET LOCAL bytea_output = 'hex';
SET LOCAL xmlbinary = 'base64';
SET LOCAL lc_monetary = 'C';
`

export const repairTail = 'COMMIT;\n'

/**
 * One statement a difference. An INSERT of a row whose key is taken again meanwhile fails, and with it the whole transaction. An UPDATE or
 * DELETE takes the row alone that is still as it was seen; one that has changed since is left (`UPDATE 0`).
 */
export function repairStatement(compared: ComparedTable, difference: RowDifference): string {
  if (difference.kind === 'missing') return insert(compared, difference.row)
  if (difference.kind === 'added') return remove(compared, difference.live)
  const { row, live, again } = difference
  const changed = compared.columns.filter((_column, index) => row[index] !== live[index])
  const update = changed.some(({ identityAlways }) => identityAlways)
    ? remove(compared, live) + insert(compared, row)
    : set(compared, difference, changed)
  // Whether that later change is to go, too, is for a person to say.
  return again === undefined
    ? update
    : `-- changed again since, by transaction ${again}, so that this is left out:\n${update.trimEnd().replace(/^/gm, '-- ')}\n`
}

function set(compared: ComparedTable, { row, live }: { row: Literals; live: Literals }, changed: readonly TableColumn[]): string {
  const sets = changed.map(({ name }) => `${quoteName(name)} = ${literalOf(compared, row, name)}`)
  const seen = changed.map(({ name }) => stillIs(name, literalOf(compared, live, name)))
  return `UPDATE ${only(compared)} SET ${sets.join(', ')} WHERE ${[...keyIs(compared, row), ...seen].join(' AND ')};\n`
}

function insert({ table, columns }: ComparedTable, row: Literals): string {
  const overriding = columns.some(({ identityAlways }) => identityAlways) ? ' OVERRIDING SYSTEM VALUE' : ''
  return `INSERT INTO ${table} (${columns.map(({ name }) => quoteName(name)).join(', ')})${overriding} VALUES (${row.join(', ')});\n`
}

function remove(compared: ComparedTable, live: Literals): string {
  const seen = compared.columns.map(({ name }) => stillIs(name, literalOf(compared, live, name))).join(' AND ')
  if (compared.key.length > 0) return `DELETE FROM ${only(compared)} WHERE ${[...keyIs(compared, live), seen].join(' AND ')};\n`
  // Without a key rows may be there twice: one of them goes.
  return `DELETE FROM ${only(compared)} WHERE (tableoid, ctid) = (SELECT tableoid, ctid FROM ${only(compared)} WHERE ${seen} LIMIT 1);\n`
}

const only = ({ table, partitioned }: ComparedTable) => (partitioned ? table : `ONLY ${table}`)

function keyIs(compared: ComparedTable, row: Literals): string[] {
  return compared.key.flatMap((name) => {
    const value = literalOf(compared, row, name)
    return value === undefined ? [] : [`${quoteName(name)} = ${value}`]
  })
}

function literalOf({ columns }: ComparedTable, row: Literals, wanted: string): string | undefined {
  return row[columns.findIndex(({ name }) => name === wanted)]
}

/** By the text that the type prints: some types (json, point) have no equality. */
function stillIs(name: string, literal: string | undefined): string {
  return literal === 'NULL' ? `${quoteName(name)} IS NULL` : `format('%s', ${quoteName(name)}) = ${literal}`
}
