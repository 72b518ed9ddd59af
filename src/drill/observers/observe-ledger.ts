import type { LedgerObservation } from './observation.ts'
import { inSnapshot } from './postgres-session.ts'

/** The whole ledger in one snapshot. */
export async function observeLedger(url: string): Promise<LedgerObservation> {
  return inSnapshot(url, async (client) => {
    const transfers = await client.query<LedgerObservation['transfers'][number]>(
      'SELECT seq::text, epoch, debtor, creditor, amount::text FROM public.ledger_transfer ORDER BY ledger_transfer.seq',
    )
    const entries = await client.query<LedgerObservation['entries'][number]>(
      'SELECT seq::text, side, account, amount::text FROM public.ledger_entry ORDER BY ledger_entry.seq, side',
    )
    const accounts = await client.query<LedgerObservation['accounts'][number]>(
      'SELECT id, balance::text, version::text FROM public.ledger_account ORDER BY id',
    )
    return { transfers: transfers.rows, entries: entries.rows, accounts: accounts.rows }
  })
}
