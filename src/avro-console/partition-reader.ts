import type { WireClient, WireNode } from '../clients/kafka-wire/wire-client.ts'
import { throwOnCode, WireFailure, wireCodes } from '../clients/kafka-wire/wire-failure.ts'
import { fetchFrom, type WireFetched } from '../clients/kafka-wire/wire-fetch.ts'
import { offsetOf } from '../clients/kafka-wire/wire-offsets.ts'
import { type ReadRecord, visibleRecords, wholeBatches } from './record-log.ts'

export interface ReaderOptions {
  isolation: 0 | 1
  reset: 'earliest' | 'latest' | 'none'
  /** An offset that is no longer there continues at the first one that is, instead of at `reset`. */
  keepOldest: boolean
  partitionBytes: number
  /** Ends every wait. */
  signal: AbortSignal
  /** Hears what passes by itself and hinders until then: lost brokers, leaders that move. */
  hinder: (message: string) => void
  /** Hears of offsets that were reset. */
  warn: (message: string) => void
}

interface Position {
  topic: string
  partition: number
  /** The next offset to fetch. */
  next: bigint
}

/** The answer of one partition, decoded when it is iterated. */
export interface Chunk {
  topic: string
  partition: number
  records: Iterable<ReadRecord>
}

type Round = { node: WireNode | undefined; fetched: WireFetched[]; failure?: WireFailure }

/**
 * Reads partitions from their leaders: one request per leader is always under way, also while the last answer is being worked on. Leaders that
 * move and brokers that are away are waited for; what does not pass by itself is thrown.
 */
export class PartitionReader {
  readonly #client: WireClient
  readonly #options: ReaderOptions
  readonly #positions = new Map<string, Position>()
  /** One per leader. */
  readonly #rounds = new Map<number, Promise<Round>>()
  #generation = 0
  #answered = false

  constructor(client: WireClient, options: ReaderOptions) {
    this.#client = client
    this.#options = options
  }

  /** The partitions to read from now on, with the next offset of each. Answers for others that are under way are dropped. */
  assign(positions: Position[]): void {
    this.#generation++
    this.#rounds.clear()
    this.#positions.clear()
    for (const position of positions) this.add(position)
  }

  add(position: Position): void {
    this.#positions.set(`${position.topic}/${position.partition}`, { ...position })
  }

  /** True once a leader has answered for one of the partitions, if only with no records. */
  get answered(): boolean {
    return this.#answered
  }

  /** The next answers, or none after `waitMs`. Throws WireFailure for what does not pass. */
  async next(waitMs: number): Promise<Chunk[]> {
    const generation = this.#generation
    const deadline = performance.now() + waitMs
    for (;;) {
      await this.#ask()
      const left = Math.max(0, deadline - performance.now())
      const round = await raceTimeout([...this.#rounds.values()], left, this.#options.signal)
      if (round === undefined || generation !== this.#generation) return []
      const chunks = await this.#settle(round)
      if (chunks.length > 0 || performance.now() >= deadline) return chunks
    }
  }

  /** A round that nobody waits for any more may still fail. */
  #begin(key: number, round: Promise<Round>): void {
    round.catch(() => {})
    this.#rounds.set(key, round)
  }

  async #ask(): Promise<void> {
    const byNode = new Map<number, { node: WireNode; positions: Position[] }>()
    for (const position of this.#positions.values()) {
      let node: WireNode
      try {
        node = await this.#client.leaderOf(position.topic, position.partition)
      } catch (error) {
        if (!(error instanceof WireFailure) || !error.passing) throw error
        this.#options.hinder(error.message)
        if (!this.#rounds.has(-1)) this.#begin(-1, pause(250, this.#options.signal))
        continue
      }
      const entry = byNode.get(node.nodeId) ?? { node, positions: [] }
      byNode.set(node.nodeId, entry)
      entry.positions.push(position)
    }
    for (const [nodeId, { node, positions }] of byNode) if (!this.#rounds.has(nodeId)) this.#begin(nodeId, this.#fetch(node, positions))
  }

  async #fetch(node: WireNode, positions: Position[]): Promise<Round> {
    const { isolation, partitionBytes } = this.#options
    try {
      const partitions = positions.map(({ topic, partition, next }) => ({ topic, partition, offset: next }))
      return {
        node,
        fetched: await fetchFrom(this.#client, node, { partitions, partitionBytes, maxBytes: partitionBytes * 8, maxWaitMs: 500, isolation }),
      }
    } catch (error) {
      if (error instanceof WireFailure) return { node, fetched: [], failure: error }
      throw error
    }
  }

  async #settle({ node, fetched, failure }: Round): Promise<Chunk[]> {
    this.#rounds.delete(node?.nodeId ?? -1)
    if (node === undefined) this.#client.forgetLeaders()
    if (failure !== undefined) {
      if (!failure.passing) throw failure
      this.#options.hinder(failure.message)
      this.#client.forgetLeaders()
      this.#begin(-1, pause(250, this.#options.signal))
      return []
    }
    const chunks: Chunk[] = []
    for (const answer of fetched) {
      const position = this.#positions.get(`${answer.topic}/${answer.partition}`)
      if (position === undefined) continue
      if (answer.code !== 0) {
        await this.#mend(answer, position)
        continue
      }
      this.#answered = true
      const batches = wholeBatches(answer)
      const last = batches.at(-1)
      if (last === undefined) continue
      const from = position.next
      position.next = last.header.lastOffset + 1n
      const { topic, partition } = answer
      chunks.push({ topic, partition, records: visibleRecords(answer, batches, from, this.#options.isolation === 1) })
    }
    // The next answer comes while this one is worked on.
    await this.#ask()
    return chunks
  }

  async #mend({ topic, partition, code }: WireFetched, position: Position): Promise<void> {
    if (code === wireCodes.offsetOutOfRange) {
      position.next = await this.#resetOffset(position)
      return
    }
    try {
      throwOnCode(code, `read topic ${topic} partition ${partition}`)
    } catch (error) {
      if (!(error instanceof WireFailure) || !error.passing) throw error
      this.#options.hinder(error.message)
      this.#client.forgetLeaders()
      if (!this.#rounds.has(-1)) this.#begin(-1, pause(100, this.#options.signal))
    }
  }

  async #resetOffset({ topic, partition, next }: Position): Promise<bigint> {
    const { reset, keepOldest, warn } = this.#options
    const earliest = await offsetOf(this.#client, topic, partition, 'earliest')
    if (reset === 'none') {
      throw new WireFailure('broker', `Fetch position ${next} is out of range for partition ${topic}-${partition}`, {
        code: wireCodes.offsetOutOfRange,
      })
    }
    const kept = next < earliest && keepOldest
    const offset = kept || reset === 'earliest' ? earliest : await offsetOf(this.#client, topic, partition, 'latest')
    warn(`offset ${next} of ${topic}-${partition} is out of range: going on at ${offset}`)
    return offset
  }
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<Round> {
  const { setTimeout } = await import('node:timers/promises')
  await setTimeout(milliseconds, undefined, { signal })
  return { node: undefined, fetched: [] }
}

async function raceTimeout(rounds: Promise<Round>[], milliseconds: number, signal: AbortSignal): Promise<Round | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<undefined>()
  const timer = setTimeout(() => resolve(undefined), Math.min(milliseconds, 2 ** 31 - 1))
  const abort = () => reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  try {
    signal.throwIfAborted()
    return await Promise.race([...rounds, promise])
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', abort)
  }
}
