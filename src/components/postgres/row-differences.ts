import { type PgClient, quoteName } from '../../clients/postgres.ts'
import type { ComparedTable } from './table-shape.ts'

/** Values as SQL literals (`'7'`, `NULL`), in the order of the compared columns; types print them by their own output functions. */
export type Literals = string[]

export type RowDifference =
  | { kind: 'missing'; row: Literals }
  /** `again`: the transaction that changed the live row last, when it is not the one that is asked about. */
  | { kind: 'changed'; row: Literals; live: Literals; again?: string }
  | { kind: 'added'; live: Literals }

export interface TouchedRows {
  xid: bigint
  /** Places (`OID(block,offset)`) on the scratch server of rows that the transaction changed or deleted; `all` of a table that it emptied or dropped. */
  places: string[] | 'all'
}

export interface DifferencesOptions {
  /** The state that is wanted, and the live one. */
  scratch: PgClient
  live: PgClient
  compared: ComparedTable
  /** Only what this transaction did. */
  touched?: TouchedRows | undefined
}

interface Row {
  key: string
  contents: string
  mark: string
}

/**
 * Walks both tables side by side in byte order of their keys (of whole rows where there is none) and gives every difference. Memory holds
 * one batch of each side. Both connections must print values alike (`sameText`).
 */
export async function* rowDifferences(options: DifferencesOptions): AsyncGenerator<RowDifference> {
  const { scratch, live, touched } = options
  const places = touched === undefined || touched.places === 'all' ? [] : [touched.places]
  // Of a transaction: the places that it changed; on the live side, who wrote the row last.
  const ofScratch = places.length > 0 ? '(whole.tableoid::text || whole.ctid::text = ANY ($1::text[]))::text' : "'true'"
  const left = scratch.stream<Row>(rowsSql(options, { mark: ofScratch, last: 'true' }), places)[Symbol.asyncIterator]()
  const right = live
    .stream<Row>(rowsSql(options, { mark: 'whole.xmin::text', last: touched === undefined ? '' : markOf(touched) }))
    [Symbol.asyncIterator]()
  try {
    let [one, other] = [await left.next(), await right.next()]
    while (!(one.done === true && other.done === true)) {
      const order = one.done === true ? 1 : other.done === true ? -1 : Buffer.compare(Buffer.from(one.value.key), Buffer.from(other.value.key))
      if (order < 0) {
        if (one.value.mark === 'true') yield { kind: 'missing', row: literals(one.value) }
        one = await left.next()
      } else if (order > 0) {
        if (touched === undefined || isOf(touched, other.value)) yield { kind: 'added', live: literals(other.value) }
        other = await right.next()
      } else {
        if (one.value.contents !== other.value.contents && one.value.mark === 'true') {
          const again = touched === undefined || isOf(touched, other.value) ? {} : { again: other.value.mark }
          yield { kind: 'changed', row: literals(one.value), live: literals(other.value), ...again }
        }
        ;[one, other] = [await left.next(), await right.next()]
      }
    }
  } finally {
    await left.return?.()
    await right.return?.()
  }
}

/** Rows carry the lower 32 bits of their transaction's id. */
const markOf = ({ xid }: TouchedRows) => String(xid & 0xffff_ffffn)
const isOf = (touched: TouchedRows, { mark }: Row) => mark === markOf(touched)

const literals = ({ contents }: Row) => JSON.parse(contents) as Literals

/** Of rows that are the same, those with the mark `last` come last: they are what is left over when the other side has fewer. */
function rowsSql({ compared }: DifferencesOptions, { mark, last }: { mark: string; last: string }): string {
  const { table, partitioned, columns, key } = compared
  const names = columns.map(({ name }) => name)
  const rows = `SELECT ${literalArray(key.length > 0 ? key : names)} AS key, ${literalArray(names)} AS contents, ${mark} AS mark
    FROM ${partitioned ? '' : 'ONLY '}${table} AS whole`
  return `SELECT key, contents, mark FROM (${rows}) AS rows ORDER BY key COLLATE "C", contents COLLATE "C", mark = '${last}'`
}

/** A JSON list of literals. An array, since a function takes a hundred arguments at most. */
function literalArray(names: string[]): string {
  return `to_json(ARRAY[${names.map((name) => `format('%L', whole.${quoteName(name)})`).join(', ')}]::text[])::text`
}
