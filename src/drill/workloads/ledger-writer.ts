import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { describeError } from '../../base/errors.ts'
import { waitUntil } from '../../base/wait-until.ts'
import { HistoryFile } from './ledger-history.ts'
import { isUndone, type LedgerShape, ledgerShapes, type Transfer, transfersOf, writeTransaction } from './ledger-transaction.ts'

export interface LedgerWriterOptions {
  url: string
  /** JSON lines, appended: see ledger-history.ts. */
  historyFile: string
  /** Concurrent connections (default 3). */
  connections?: number
  /** Transactions a second over all connections, as far as the server keeps up (default 40). */
  perSecond?: number
  /** Picks shapes, accounts and amounts: the same seed, the same transfers. */
  seed: number
  /** How often each shape comes, as weights. */
  mix?: LedgerMix
  /** Of this writer; a history of its own that goes on after another's must not use that one's again (default 1). */
  firstEpoch?: number
}

export type LedgerMix = Record<LedgerShape, number>

export const defaultMix: LedgerMix = { plain: 14, long: 2, large: 1, savepoints: 2, 'rolled back': 1 }

const accounts = 10

/**
 * Goes on committing transfers until paused or stopped. One transfer: a row in `ledger_transfer`, two in `ledger_entry`, two accounts
 * updated (balance and a version that counts up); the balances' sum never changes. A transaction holds one or several (ledger-transaction.ts). Lives through the server's going away: outcomes that nobody
 * knows are recorded as such and it connects again.
 */
export class LedgerWriter implements AsyncDisposable {
  readonly counts = { ok: 0, fail: 0, info: 0 }
  /** When the last transaction was acknowledged. */
  lastAck: Date | undefined
  private readonly options: Required<LedgerWriterOptions>
  private readonly history: HistoryFile
  private epoch = 0
  private nextSeq = 0n
  private random: number
  private running = false
  private long = 0
  private workers: Promise<void>[] = []

  private constructor(options: LedgerWriterOptions) {
    this.options = { connections: 3, perSecond: 40, mix: defaultMix, firstEpoch: 1, ...options }
    this.epoch = this.options.firstEpoch - 1
    this.random = this.options.seed
    this.history = new HistoryFile(options.historyFile)
  }

  /** Starts writing at the sequence after the one that the database holds. */
  static async start(options: LedgerWriterOptions): Promise<LedgerWriter> {
    const writer = new LedgerWriter(options)
    await writer.resume()
    return writer
  }

  /** Ends the transactions under way and writes no more; resolves when all is quiet. */
  async pause(): Promise<void> {
    this.running = false
    await Promise.all(this.workers)
    this.workers = []
  }

  /** Goes on after the last sequence that the database holds, in a new epoch. Waits up to a minute for the server. No-op while it runs. */
  async resume(): Promise<void> {
    if (this.running) return
    const seq = await waitUntil(async () => this.lastSeq(), { what: 'the ledger to be readable', timeoutMs: 60_000, everyMs: 250 })
    this.nextSeq = seq + 1n
    this.epoch += 1
    this.history.write({ type: 'epoch', epoch: this.epoch, firstSeq: this.nextSeq.toString(), at: new Date().toISOString() })
    this.running = true
    this.workers = Array.from({ length: this.options.connections }, () => this.work())
  }

  /** Pauses and closes the history. */
  async stop(): Promise<void> {
    await this.pause()
    this.history[Symbol.dispose]()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  private async lastSeq(): Promise<bigint | undefined> {
    const client = newClient(this.options.url)
    try {
      await client.connect()
      const answer = await client.query<{ seq: string }>('SELECT coalesce(max(seq), 0)::text AS seq FROM public.ledger_transfer')
      return BigInt(answer.rows[0]?.seq ?? '0')
    } catch (error) {
      if (isSqlError(error) && !isShutdown(error)) throw error
      return undefined
    } finally {
      await client.end()
    }
  }

  private async work(): Promise<void> {
    const interval = (1000 * this.options.connections) / this.options.perSecond
    let client: Client | undefined
    while (this.running) {
      const started = performance.now()
      client ??= await connect(this.options.url)
      if (client === undefined) {
        await sleep(200)
        continue
      }
      if (!(await this.commit(client))) {
        // Whatever state the connection is in, the next one is a fresh one.
        await client.end().catch(() => undefined)
        client = undefined
      }
      const left = interval - (performance.now() - started)
      if (left > 0) await sleep(left)
    }
    await client?.end().catch(() => undefined)
  }

  /** One transaction. False when the connection is no longer to be used. */
  private async commit(client: Client): Promise<boolean> {
    const shape = this.shape()
    if (shape !== 'long') return this.transaction(client, shape)
    this.long += 1
    try {
      return await this.transaction(client, shape)
    } finally {
      this.long -= 1
    }
  }

  private async transaction(client: Client, shape: LedgerShape): Promise<boolean> {
    const { epoch } = this
    const transfers = Array.from({ length: transfersOf(shape) }, () => this.transfer())
    const tx = `${epoch}/${transfers[0]?.seq}`
    const at = () => new Date().toISOString()
    const invokedAt = at()
    for (const { amount, ...transfer } of transfers)
      this.history.write({ type: 'invoke', epoch, ...transfer, amount: String(amount), at: invokedAt, tx, shape })
    const end = (type: 'ok' | 'fail' | 'info', more: Record<string, string | undefined>, endedAt = at()) => {
      for (const [index, { seq }] of transfers.entries()) {
        const outcome = isUndone(shape, index) ? 'fail' : type
        this.counts[outcome] += 1
        this.history.write({ type: outcome, epoch, seq, at: endedAt, ...defined(more) })
      }
    }
    let commitSent = false
    let written: Awaited<ReturnType<typeof writeTransaction>> | undefined
    try {
      written = await writeTransaction(client, { shape, epoch, transfers, othersCommitted: () => this.othersCommitted(client) })
      commitSent = shape !== 'rolled back'
      await client.query(commitSent ? 'COMMIT' : 'ROLLBACK')
    } catch (error) {
      // Without COMMIT nothing can have been committed; an SQL error as its answer says no as well. Anything else is unknown.
      const outcome = commitSent && (!isSqlError(error) || isShutdown(error)) ? 'info' : 'fail'
      end(outcome, { ...written, error: describeError(error) })
      return false
    }
    const endedAt = at()
    if (commitSent) this.lastAck = new Date(endedAt)
    const lsnAfter = await client
      .query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn()::text AS lsn')
      .then((answer) => answer.rows[0]?.lsn)
      .catch(() => undefined)
    end('ok', { ...written, lsnAfter }, endedAt)
    return lsnAfter !== undefined
  }

  private transfer(): Transfer {
    const seq = (this.nextSeq++).toString()
    const debtor = this.pick(accounts)
    return { seq, debtor, creditor: ((debtor + this.pick(accounts - 1) - 1) % accounts) + 1, amount: this.pick(100) }
  }

  /** One connection is always left to commit what a long transaction waits for. */
  private shape(): LedgerShape {
    const { mix, connections } = this.options
    const shapes = ledgerShapes.flatMap((shape) => Array.from({ length: mix[shape] }, () => shape))
    const chosen = shapes[this.pick(shapes.length) - 1] ?? 'plain'
    return chosen === 'long' && this.long >= connections - 1 ? 'plain' : chosen
  }

  private async othersCommitted(client: Client): Promise<void> {
    const target = this.counts.ok + 15
    let gone = false
    const end = () => {
      gone = true
    }
    client.once('end', end)
    try {
      while (this.running && !gone && this.counts.ok < target) await sleep(20)
    } finally {
      client.off('end', end)
    }
  }

  /** 1…limit, from a linear congruential generator (Numerical Recipes' constants). */
  private pick(limit: number): number {
    this.random = (Math.imul(this.random, 1664525) + 1013904223) >>> 0
    return 1 + Math.floor((this.random / 0x1_0000_0000) * limit)
  }
}

function newClient(url: string): Client {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000, application_name: 'datapipe-drill-writer' })
  client.on('error', () => {
    // the query in flight rejects with the same cause; an idle connection is found out by its next query
  })
  return client
}

async function connect(url: string): Promise<Client | undefined> {
  const client = newClient(url)
  try {
    await client.connect()
    return client
  } catch {
    // no server, or one that starts or stops: the caller tries again for as long as it runs
    await client.end().catch(() => undefined)
    return undefined
  }
}

/** The server itself answered (SQLSTATE), as opposed to a broken connection. */
function isSqlError(error: unknown): boolean {
  return error instanceof Error && 'severity' in error
}

/** Class 57P: the server goes down or was told to end the session; it may have committed before that. */
function isShutdown(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('57P')
}

function defined(values: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined))
}
