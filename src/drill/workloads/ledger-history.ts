import { closeSync, openSync, writeSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { type LedgerShape, ledgerShapes } from './ledger-transaction.ts'

/**
 * What the ledger writer did, a JSON line for each transfer (a transaction holds one or several), written before the next step is taken (so it survives the writer's own end):
 * an `epoch` line at every start and resume, an `invoke` line before a transaction, and one of `ok`, `fail` or `info` after it.
 * `info` is "we do not know": COMMIT was sent and no answer came. An `invoke` without an end counts as `info`. LSNs as `X/Y`.
 */
const lineSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('epoch'), epoch: z.number().int(), firstSeq: z.string(), at: z.string() }),
  z.strictObject({
    type: z.literal('invoke'),
    epoch: z.number().int(),
    seq: z.string(),
    debtor: z.number().int(),
    creditor: z.number().int(),
    amount: z.string(),
    at: z.string(),
    /** Name of its transaction, when that may hold several transfers, and what it looks like. */
    tx: z.string().optional(),
    shape: z.enum(ledgerShapes).optional(),
  }),
  z.strictObject({
    type: z.enum(['ok', 'fail', 'info']),
    epoch: z.number().int(),
    seq: z.string(),
    at: z.string(),
    xid: z.string().optional(),
    /** WAL insert position before COMMIT was sent: the commit record starts here or later. */
    lsnBefore: z.string().optional(),
    /** WAL insert position after the answer: the commit record ends here or earlier. */
    lsnAfter: z.string().optional(),
    error: z.string().optional(),
  }),
])
export type HistoryLine = z.infer<typeof lineSchema>

export interface LedgerTransaction {
  epoch: number
  seq: string
  debtor: number
  creditor: number
  amount: string
  invokedAt: string
  outcome: 'ok' | 'fail' | 'info'
  /** When the answer came; undefined when none did. */
  endedAt?: string
  xid?: string
  lsnBefore?: string
  lsnAfter?: string
  /** The transaction that the transfer belongs to; itself when left out. */
  tx?: string
  shape?: LedgerShape
}

/** Appends lines; each is in the file before `write` returns. */
export class HistoryFile implements Disposable {
  private readonly descriptor: number
  constructor(path: string) {
    this.descriptor = openSync(path, 'a')
  }
  write(line: HistoryLine): void {
    writeSync(this.descriptor, `${JSON.stringify(line)}\n`)
  }
  [Symbol.dispose](): void {
    closeSync(this.descriptor)
  }
}

/** The transactions of a history in the order of their invocation. A torn last line (the writer was killed) is left out; any other bad line throws. */
export async function readLedgerHistory(path: string): Promise<LedgerTransaction[]> {
  return foldHistory(await readFile(path, 'utf8'))
}

export function foldHistory(text: string): LedgerTransaction[] {
  const lines = text.split('\n')
  lines.pop()
  const transactions = new Map<string, LedgerTransaction>()
  for (const [index, text] of lines.entries()) {
    const line = lineSchema.parse(JSON.parse(text))
    if (line.type === 'epoch') continue
    const name = `${line.epoch}/${line.seq}`
    if (line.type === 'invoke') {
      const { epoch, seq, debtor, creditor, amount, at, tx, shape } = line
      transactions.set(name, {
        ...{ epoch, seq, debtor, creditor, amount, invokedAt: at, outcome: 'info' },
        ...(tx === undefined ? {} : { tx }),
        ...(shape === undefined ? {} : { shape }),
      })
      continue
    }
    const transaction = transactions.get(name)
    if (transaction === undefined) throw new RangeError(`history line ${index + 1}: transaction ${name} ends but was never invoked`)
    transaction.outcome = line.type
    transaction.endedAt = line.at
    if (line.xid !== undefined) transaction.xid = line.xid
    if (line.lsnBefore !== undefined) transaction.lsnBefore = line.lsnBefore
    if (line.lsnAfter !== undefined) transaction.lsnAfter = line.lsnAfter
  }
  return [...transactions.values()]
}
