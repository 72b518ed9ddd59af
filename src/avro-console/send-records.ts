import { setTimeout as sleep } from 'node:timers/promises'
import type { WireClient } from '../clients/kafka-wire/wire-client.ts'
import { WireFailure, wireCodes } from '../clients/kafka-wire/wire-failure.ts'
import { appendRecord, batchBytes, batchBytesOf, type OpenBatch, openBatch, type RecordToSend } from './send-batch.ts'
import { sendFailure, thrown } from './send-failure.ts'
import { producerIdentities } from './send-identity.ts'
import { openPartitionSender, type PartitionSender, type SealedBatch } from './send-partition.ts'
import { partitionOfKey } from './send-partitioner.ts'
import type { SendSettings } from './send-settings.ts'
import type { Thrown } from './tool-failure.ts'

/** One or more records that could not be sent. */
export interface LostRecords {
  count: number
  /** Of the first one: bytes of key and value, -1 for null. */
  keyLength: number
  valueLength: number
  why: Thrown
  /** What is behind `why`, when Java keeps it to itself. */
  hint?: string | undefined
}

export interface RecordSender {
  /** Takes a record; resolves when there is room for another one. */
  send(record: RecordToSend): Promise<void> | void
  /** Waits until everything taken so far was acknowledged or lost. */
  flush(): Promise<void>
  /** Stops the clock. */
  close(): void
}

export interface RecordSenderOptions {
  client: WireClient
  topic: string
  settings: SendSettings
  /** Each record waits for its acknowledgement; `lingering`: and before that for `linger.ms`, as Java's does. */
  sync: false | 'at once' | 'lingering'
  lost(records: LostRecords): void
}

interface Lane {
  open: OpenBatch | undefined
  first: { keyLength: number; valueLength: number }
  sender: PartitionSender
}

/**
 * A producer for one topic: partition by murmur2 of the key, without a key a random one that stays until its batch is full; batches of
 * `batch.size` that wait `linger.ms` at most; no more than `buffer.memory` bytes without acknowledgement.
 */
export function openRecordSender(options: RecordSenderOptions): RecordSender {
  const { client, topic, settings } = options
  const identities = producerIdentities(client, settings.idempotent, settings.maxBlockMs)
  const lanes = new Map<number, Lane>()
  let partitions = 0
  let sticky = 0
  let unacknowledged = 0
  let lingering: NodeJS.Timeout | undefined
  let room = Promise.withResolvers<void>()

  const settled = ({ batch, ...first }: SealedBatch, failure: unknown): void => {
    unacknowledged -= batch.sink.bytes.length
    room.resolve()
    if (failure !== undefined && !settings.unheard) options.lost({ count: batch.count, ...first, why: sendFailure(failure, topic) })
  }
  const laneOf = (partition: number): Lane => {
    const known = lanes.get(partition)
    if (known !== undefined) return known
    const sender = openPartitionSender({ client, topic, partition, settings, identities, settled })
    const lane: Lane = { open: undefined, first: { keyLength: -1, valueLength: -1 }, sender }
    lanes.set(partition, lane)
    return lane
  }
  const seal = (lane: Lane): void => {
    if (lane.open === undefined) return
    unacknowledged += lane.open.sink.bytes.length
    lane.sender.send({ batch: lane.open, ...lane.first })
    lane.open = undefined
    sticky = Math.floor(Math.random() * partitions)
  }
  const sealAll = (): void => {
    lingering = undefined
    for (const lane of lanes.values()) seal(lane)
  }
  const lose = (record: RecordToSend, why: Thrown): void => options.lost({ count: 1, ...lengths(record), why })

  const take = (record: RecordToSend): Promise<void> | undefined => {
    const size = batchBytesOf(record)
    const limit = Math.min(settings.maxRequestSize, settings.bufferMemory)
    if (size > limit) {
      const name = settings.maxRequestSize <= settings.bufferMemory ? 'max.request.size' : 'buffer.memory'
      const message = `The message is ${size} bytes when serialized which is larger than ${limit}, which is the value of the ${name} configuration.`
      lose(record, thrown('RecordTooLargeException', message))
      return
    }
    const lane = laneOf(record.key === null ? sticky : partitionOfKey(record.key, partitions))
    if (lane.open !== undefined && batchBytes(lane.open) + size > settings.batchSize) seal(lane)
    if (lane.open === undefined) {
      lane.open = openBatch()
      lane.first = lengths(record)
    }
    appendRecord(lane.open, record, Date.now())
    if (options.sync === 'lingering') return lingerAlone(lane)
    if (options.sync || batchBytes(lane.open) >= settings.batchSize || settings.lingerMs === 0) seal(lane)
    else lingering ??= setTimeout(sealAll, settings.lingerMs)
    if (options.sync) return lane.sender.drained()
    return unacknowledged >= settings.bufferMemory ? waitForRoom() : undefined
  }
  const lingerAlone = async (lane: Lane): Promise<void> => {
    await sleep(settings.lingerMs, undefined, { signal: client.signal })
    seal(lane)
    await lane.sender.drained()
  }
  const waitForRoom = async (): Promise<void> => {
    while (unacknowledged >= settings.bufferMemory) {
      room = Promise.withResolvers<void>()
      await room.promise
    }
  }
  const begin = async (record: RecordToSend): Promise<void> => {
    const found = await waitForTopic(client, topic, settings)
    if (typeof found !== 'number') {
      options.lost({ count: 1, ...lengths(record), ...found })
      return
    }
    partitions = found
    sticky = Math.floor(Math.random() * partitions)
    await take(record)
  }
  return {
    send: (record) => (partitions === 0 ? begin(record) : take(record)),
    async flush() {
      if (lingering !== undefined) clearTimeout(lingering)
      sealAll()
      await Promise.all([...lanes.values()].map(({ sender }) => sender.drained()))
    },
    close() {
      if (lingering !== undefined) clearTimeout(lingering)
    },
  }
}

const lengths = ({ key, value }: RecordToSend) => ({ keyLength: key?.length ?? -1, valueLength: value?.length ?? -1 })

/** The number of partitions; a topic that does not come into being within `max.block.ms` is a TimeoutException, with the last reason. */
async function waitForTopic(client: WireClient, topic: string, settings: SendSettings): Promise<number | Pick<LostRecords, 'why' | 'hint'>> {
  const deadline = performance.now() + settings.maxBlockMs
  for (;;) {
    let hint = `there is no topic ${topic}, and the brokers do not create it`
    try {
      const [found] = await client.topics([topic], true)
      if (found?.code === 0 && found.partitions.length > 0) return found.partitions.length
      if (found?.code === invalidTopic) return { why: thrown('InvalidTopicException', `Invalid topics: [${topic}]`) }
      if (found?.code === wireCodes.topicAuthorizationFailed) {
        return { why: thrown('TopicAuthorizationException', `Not authorized to access topics: [${topic}]`) }
      }
    } catch (error) {
      if (!(error instanceof WireFailure)) throw error
      if (!error.passing) return { why: sendFailure(error, topic) }
      hint = error.message
    }
    if (performance.now() + settings.retryBackoffMs > deadline) {
      return { why: thrown('TimeoutException', `Topic ${topic} not present in metadata after ${settings.maxBlockMs} ms.`), hint }
    }
    await sleep(settings.retryBackoffMs, undefined, { signal: client.signal })
  }
}

const invalidTopic = 17
