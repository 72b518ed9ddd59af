import type { Finding } from '../../base/finding.ts'
import type { PgClient } from '../../clients/postgres.ts'

interface Row {
  key: string
  row: string
}

export interface CompareOptions {
  a: PgClient
  b: PgClient
  /** Query of rows (key, row), on either side. */
  sql: string
  item: string
  sides: [string, string]
  /** Stops after so many findings. */
  limit: number
}

/**
 * Walks two tables side by side in byte order of their keys (for tables without a key, of whole rows) and says which rows differ, with
 * their values. Memory holds one batch of each side.
 */
export async function compareRows({ a, b, sql, item, sides, limit }: CompareOptions): Promise<Finding[]> {
  const ordered = `SELECT key, row FROM (${sql}) AS rows(key, row) ORDER BY key COLLATE "C", row COLLATE "C"`
  const left = a.stream<Row>(ordered)[Symbol.asyncIterator]()
  const right = b.stream<Row>(ordered)[Symbol.asyncIterator]()
  const findings: Finding[] = []
  const found = (code: string, message: string) => findings.push({ severity: 'harm', code, component: 'postgres', item, message })
  try {
    let [one, other] = [await left.next(), await right.next()]
    while (findings.length < limit && !(one.done === true && other.done === true)) {
      const order = one.done === true ? 1 : other.done === true ? -1 : Buffer.compare(Buffer.from(one.value.key), Buffer.from(other.value.key))
      if (order < 0) {
        found('row-missing', `only ${sides[0]} has ${shorten(one.value.row)}`)
        one = await left.next()
      } else if (order > 0) {
        found('row-extra', `only ${sides[1]} has ${shorten(other.value.row)}`)
        other = await right.next()
      } else {
        if (one.value.row !== other.value.row) {
          found('row-differs', `${shorten(one.value.row)} in ${sides[0]}, ${shorten(other.value.row)} in ${sides[1]}`)
        }
        ;[one, other] = [await left.next(), await right.next()]
      }
    }
  } finally {
    await left.return?.()
    await right.return?.()
  }
  return findings
}

const shorten = (text: string) => (text.length > 300 ? `${text.slice(0, 300)}… (${text.length} characters)` : text)
