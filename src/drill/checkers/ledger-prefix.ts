import { formatLsn, parseLsn } from '../../base/lsn.ts'
import type { LedgerObservation } from '../observers/observation.ts'
import type { LedgerTransaction } from '../workloads/ledger-history.ts'
import { type CheckResult, check, FindingList } from './check-result.ts'

/**
 * PostgreSQL holds exactly a prefix of the acknowledged commits, cut at L (`X/Y`): a transaction whose commit had ended by L is there, one whose
 * commit began at or after L is not, and no transaction is there while one that was over before it began to commit is not. Outcomes that
 * nobody knew may be either. `history` is everything up to the fault.
 */
export function ledgerPrefix(history: LedgerTransaction[], ledger: LedgerObservation, cut: { lsn: string }): CheckResult {
  return check('ledger-prefix', 'postgres', () => {
    const list = new FindingList('postgres', 'datapipe show BACKUP for the recovery point; the writer history is in the run directory')
    const limit = parseLsn(cut.lsn)
    const held = new Map(ledger.transfers.map((transfer) => [`${transfer.epoch}/${transfer.seq}`, transfer]))
    const counts = { acknowledged: 0, unknown: 0, kept: 0, cutOff: 0, unknownKept: 0 }
    const lsn = (text: string | undefined) => (text === undefined ? undefined : parseLsn(text))
    let newestBegin = -1n
    let newest = ''
    for (const one of history) {
      const begin = lsn(one.lsnBefore)
      if (held.has(`${one.epoch}/${one.seq}`) && begin !== undefined && begin > newestBegin)
        [newestBegin, newest] = [begin, `${one.epoch}/${one.seq}`]
    }
    for (const one of history) {
      const item = `ledger transaction ${one.epoch}/${one.seq}`
      const transfer = held.get(`${one.epoch}/${one.seq}`)
      held.delete(`${one.epoch}/${one.seq}`)
      const [begin, end] = [lsn(one.lsnBefore), lsn(one.lsnAfter)]
      if (one.outcome === 'ok') counts.acknowledged += 1
      if (one.outcome === 'info') counts.unknown += 1
      if (transfer === undefined) {
        if (one.outcome !== 'ok') continue
        if (end !== undefined && end <= limit)
          list.harm(
            'commit-lost',
            item,
            `acknowledged at ${one.endedAt}, its commit ended by ${formatLsn(end)}, the cut is ${cut.lsn}: it is not there`,
            'ledger',
          )
        else if (end !== undefined && end <= newestBegin)
          list.harm(
            'not-a-prefix',
            item,
            `is not there, but ${newest}, which began to commit at ${formatLsn(newestBegin)} after it had ended, is`,
            'ledger',
          )
        else counts.cutOff += 1
        continue
      }
      counts.kept += 1
      if (one.outcome === 'info') counts.unknownKept += 1
      if (one.outcome === 'fail') list.harm('failed-commit-there', item, 'it failed, but it is there', 'ledger')
      if (begin !== undefined && begin >= limit)
        list.harm('commit-after-cut', item, `began to commit at ${formatLsn(begin)}, the cut is ${cut.lsn}: it must not be there`, 'ledger')
      if (transfer.debtor !== one.debtor || transfer.creditor !== one.creditor || transfer.amount !== one.amount)
        list.harm(
          'commit-changed',
          item,
          `was ${one.amount} from ${one.debtor} to ${one.creditor}, is ${transfer.amount} from ${transfer.debtor} to ${transfer.creditor}`,
          'ledger',
        )
    }
    for (const name of held.keys()) list.harm('commit-from-nowhere', `ledger transaction ${name}`, 'nobody wrote it', 'ledger')
    return { counts, findings: list.findings, compared: counts.kept }
  })
}
