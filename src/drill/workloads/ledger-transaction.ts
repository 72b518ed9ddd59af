import type { Client } from 'pg'

/**
 * What a transaction of the ledger looks like. `long` stays open while others begin and commit after it, and so commits in another order than
 * it began; `large` holds many transfers; `savepoints` writes in subtransactions, one of which is rolled back; `rolled back` never commits.
 */
export const ledgerShapes = ['plain', 'long', 'large', 'savepoints', 'rolled back'] as const
export type LedgerShape = (typeof ledgerShapes)[number]

export interface Transfer {
  seq: string
  debtor: number
  creditor: number
  amount: number
}

export interface ShapedTransaction {
  shape: LedgerShape
  epoch: number
  /** In the order of their sequence; `undone` says which are rolled back to a savepoint. */
  transfers: Transfer[]
  /** Of a long one: resolves when others have committed, or nobody writes any more. */
  othersCommitted: () => Promise<void>
}

/** How many transfers a transaction of this shape holds. */
export function transfersOf(shape: LedgerShape): number {
  return { plain: 1, long: 2, large: 25, savepoints: 3, 'rolled back': 2 }[shape]
}

/** Transfers that a transaction of this shape takes back by itself, whether it commits or not: by their place in it. */
export function isUndone(shape: LedgerShape, index: number): boolean {
  return shape === 'rolled back' || (shape === 'savepoints' && index === 1)
}

/** Everything but the end: the caller commits, or (`rolled back`) rolls back. Returns the transaction and the WAL insert position before its end. */
export async function writeTransaction(
  client: Client,
  { shape, epoch, transfers, othersCommitted }: ShapedTransaction,
): Promise<{ xid: string | undefined; lsnBefore: string | undefined }> {
  await client.query('BEGIN')
  if (shape === 'savepoints')
    for (const [index, transfer] of transfers.entries()) {
      await client.query(`SAVEPOINT part_${index}`)
      await insert(client, epoch, [transfer])
      await client.query(`${isUndone(shape, index) ? 'ROLLBACK TO' : 'RELEASE'} SAVEPOINT part_${index}`)
    }
  else await insert(client, epoch, transfers)
  // Before it locks an account, so that those it waits for can commit.
  if (shape === 'long') await othersCommitted()
  const kept = transfers.filter((_, index) => shape !== 'savepoints' || !isUndone(shape, index))
  const moves = kept.flatMap(({ debtor, creditor, amount }) => [
    { account: debtor, amount: -amount },
    { account: creditor, amount },
  ])
  // In the order of their ids, so that two transactions never wait for each other.
  for (const { account, amount } of moves.sort((a, b) => a.account - b.account))
    await client.query('UPDATE public.ledger_account SET balance = balance + $2, version = version + 1 WHERE id = $1', [account, amount])
  const before = await client.query<{ xid: string; lsn: string }>(
    'SELECT pg_current_xact_id()::text AS xid, pg_current_wal_insert_lsn()::text AS lsn',
  )
  return { xid: before.rows[0]?.xid, lsnBefore: before.rows[0]?.lsn }
}

async function insert(client: Client, epoch: number, transfers: Transfer[]): Promise<void> {
  const columns = [
    transfers.map(({ seq }) => seq),
    transfers.map(({ debtor }) => debtor),
    transfers.map(({ creditor }) => creditor),
    transfers.map(({ amount }) => amount),
  ]
  await client.query(
    `INSERT INTO public.ledger_transfer (seq, epoch, debtor, creditor, amount)
     SELECT seq, $5, debtor, creditor, amount FROM unnest($1::bigint[], $2::int[], $3::int[], $4::bigint[]) AS t (seq, debtor, creditor, amount)`,
    [...columns, epoch],
  )
  await client.query(
    `INSERT INTO public.ledger_entry (seq, side, account, amount)
     SELECT seq, side, CASE side WHEN 'debit' THEN debtor ELSE creditor END, CASE side WHEN 'debit' THEN -amount ELSE amount END
     FROM unnest($1::bigint[], $2::int[], $3::int[], $4::bigint[]) AS t (seq, debtor, creditor, amount), (VALUES ('debit'), ('credit')) AS s (side)`,
    columns,
  )
}
