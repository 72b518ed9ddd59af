import { setTimeout as sleep } from 'node:timers/promises'
import type { WireClient } from '../clients/kafka-wire/wire-client.ts'
import { throwOnCode, WireFailure, wireCodes } from '../clients/kafka-wire/wire-failure.ts'
import { produceTo, type WireProduced } from '../clients/kafka-wire/wire-produce.ts'
import { finishBatch, type OpenBatch } from './send-batch.ts'
import type { ProducerIdentities } from './send-identity.ts'
import type { SendSettings } from './send-settings.ts'

/** A batch that is complete, with what a message about it needs. */
export interface SealedBatch {
  batch: OpenBatch
  /** Of its first record: bytes of key and value, -1 for null. */
  keyLength: number
  valueLength: number
}

export interface PartitionSenderOptions {
  client: WireClient
  topic: string
  partition: number
  settings: SendSettings
  identities: ProducerIdentities
  /** Called once for each batch, in the order of sending; the failure is a WireFailure. */
  settled(sealed: SealedBatch, failure: unknown): void
}

export interface PartitionSender {
  send(sealed: SealedBatch): void
  /** Waits until each batch was acknowledged or given up. */
  drained(): Promise<void>
}

interface Flight {
  sealed: SealedBatch
  bytes: Buffer
  count: number
  since: number
  answer: Promise<WireProduced | WireFailure>
}

/** Brokers recognise repetitions of a producer's last five batches: no more may be under way. */
const mostFlights = 5
const duplicateSequence = 46

/**
 * Sends the batches of one partition in order, several at a time. After a lost connection, a moved leader or a refusal everything not
 * acknowledged is sent again one by one; with an identity the broker drops what it has already.
 */
export function openPartitionSender(options: PartitionSenderOptions): PartitionSender {
  const { client, topic, partition, settings, identities } = options
  const waiting: SealedBatch[] = []
  const flights: Flight[] = []
  let acknowledged = false
  let running: Promise<void> | undefined

  const attempt = async (bytes: Buffer): Promise<WireProduced> => {
    const leader = await client.leaderOf(topic, partition)
    return produceTo(client, leader, { topic, partition, acks: settings.acks, timeoutMs: settings.requestTimeoutMs, batch: bytes })
  }
  const failureOf = ({ code, words }: WireProduced): WireFailure | undefined => {
    if (code === 0 || code === duplicateSequence) return undefined
    try {
      throwOnCode(code, `write to topic ${topic} partition ${partition}`, words)
    } catch (error) {
      if (error instanceof WireFailure) return error
      throw error
    }
    return undefined
  }
  const launch = async (sealed: SealedBatch): Promise<Flight> => {
    const { count } = sealed.batch
    const bytes = finishBatch(sealed.batch, settings.codec, await identities.stamp(partition, count))
    return { sealed, bytes, count, since: performance.now(), answer: attempt(bytes).catch(asWireFailure) }
  }

  /**
   * Again and again, alone, until it is acknowledged; in halves when it is too large. `before`: what it was answered already. Throws the WireFailure
   * that no repetition cures.
   */
  const deliver = async (bytes: Buffer, count: number, since: number, before?: WireProduced | WireFailure): Promise<void> => {
    for (let repeated = 0; ; repeated++) {
      const answer = repeated === 0 && before !== undefined ? before : await attempt(bytes).catch(asWireFailure)
      const failure = answer instanceof WireFailure ? answer : failureOf(answer)
      if (failure === undefined) return
      if (failure.code === wireCodes.messageTooLarge && count > 1) {
        const { halves } = await import('./send-halves.ts')
        for (const half of halves(bytes)) await deliver(half.bytes, half.count, since)
        return
      }
      const late = performance.now() - since > settings.deliveryTimeoutMs
      if (!failure.passing || late || repeated >= settings.retries || client.signal.aborted) throw failure
      client.forgetLeaders()
      await sleep(settings.retryBackoffMs * Math.min(10, repeated + 1), undefined, { signal: client.signal }).catch(() => {})
    }
  }

  const settleFirst = async (): Promise<void> => {
    const first = flights[0]
    if (first === undefined) return
    const answer = await first.answer
    if (!(answer instanceof WireFailure) && failureOf(answer) === undefined) {
      flights.shift()
      acknowledged = true
      options.settled(first.sealed, undefined)
      return
    }
    await Promise.all(flights.map((flight) => flight.answer))
    client.forgetLeaders()
    for (let flight = flights[0]; flight !== undefined; flight = flights[0]) {
      let failure: unknown
      try {
        // Without an identity nobody would notice that a batch behind the failed one has arrived already.
        const before = flight === first || !settings.idempotent ? await flight.answer : undefined
        await deliver(flight.bytes, flight.count, flight.since, before)
        acknowledged = true
      } catch (error) {
        failure = error
      }
      flights.shift()
      options.settled(flight.sealed, failure)
      if (failure !== undefined) {
        giveUp(failure)
        return
      }
    }
  }
  /** The sequence has a hole now: what is under way cannot follow. Its batches begin again under another identity. */
  const giveUp = (failure: unknown): void => {
    identities.renew(partition)
    acknowledged = false
    for (const { sealed } of flights.splice(0)) options.settled(sealed, failure)
  }

  const run = async (): Promise<void> => {
    for (;;) {
      const next = waiting[0]
      if (next === undefined) {
        if (flights.length === 0) return
        await settleFirst()
        continue
      }
      // A broker takes any sequence number from a producer it does not know yet: were the first batch to fail, the second would take its place.
      if (flights.length >= (acknowledged ? mostFlights : 1)) {
        await settleFirst()
        continue
      }
      waiting.shift()
      try {
        flights.push(await launch(next))
      } catch (error) {
        options.settled(next, error)
      }
    }
  }
  return {
    send(sealed) {
      waiting.push(sealed)
      running ??= run().finally(() => {
        running = undefined
      })
    },
    async drained() {
      while (running !== undefined) await running
    },
  }
}

function asWireFailure(error: unknown): WireFailure {
  if (error instanceof WireFailure) return error
  throw error
}
