import { heartbeat, joinGroup, leaveGroup } from '../clients/kafka-wire/group-membership.ts'
import type { WireClient } from '../clients/kafka-wire/wire-client.ts'
import { WireFailure, wireCodes } from '../clients/kafka-wire/wire-failure.ts'
import { commitAsMember, committedOffsets, type GroupMember, offsetOf, type PartitionOffset } from '../clients/kafka-wire/wire-offsets.ts'
import type { ConsumerOptions } from './consumer-options.ts'
import type { PartitionReader } from './partition-reader.ts'
import { booleanSetting, integerSetting } from './properties.ts'
import { unsupportedSetting } from './tool-failure.ts'

/**
 * A member of a consumer group that feeds a PartitionReader with the partitions assigned to it. Positions are committed every
 * `auto.commit.interval.ms`, before a rebalance and at the end, unless `enable.auto.commit` is false.
 */
export class GroupConsumer implements AsyncDisposable {
  readonly #client: WireClient
  readonly #options: ConsumerOptions
  readonly #groupId: string
  readonly #reader: PartitionReader
  readonly #commits: boolean
  readonly #commitEveryMs: number
  #topics: string[] = []
  #member: GroupMember | undefined
  #mustJoin = true
  #assigned = 0
  #beat: NodeJS.Timeout | undefined
  #failure: unknown
  #committedAt = performance.now()
  readonly #uncommitted = new Map<string, PartitionOffset>()

  constructor(client: WireClient, options: ConsumerOptions, groupId: string, reader: PartitionReader) {
    const { consumerProperties } = options
    for (const [name, only] of [
      ['group.instance.id', ''],
      ['group.protocol', 'classic'],
      ['group.remote.assignor', ''],
    ] as const) {
      const value = consumerProperties.get(name)?.trim().toLowerCase() ?? ''
      if (value !== '' && value !== only) throw unsupportedSetting(name, value)
    }
    const assignors = consumerProperties.get('partition.assignment.strategy')
    if (assignors !== undefined && !assignors.includes('RangeAssignor')) {
      throw unsupportedSetting('partition.assignment.strategy', assignors, 'only the RangeAssignor is built in')
    }
    this.#client = client
    this.#options = options
    this.#groupId = groupId
    this.#reader = reader
    this.#commits = booleanSetting(consumerProperties, 'enable.auto.commit', true)
    this.#commitEveryMs = integerSetting(consumerProperties, 'auto.commit.interval.ms', 5_000)
  }

  /** True for a member that has joined and was given nothing to read. */
  get idle(): boolean {
    return !this.#mustJoin && this.#assigned === 0
  }

  /** The topics to take part in; other ones than before make the group rebalance. */
  subscribe(topics: string[]): void {
    if (topics.join() !== this.#topics.join()) this.#mustJoin = true
    this.#topics = topics
  }

  /** Joins when that is due, after committing what is done. Throws when the group cannot be joined. */
  async keepPlace(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    if (!this.#mustJoin) {
      if (performance.now() - this.#committedAt > this.#commitEveryMs) await this.#commit()
      return
    }
    clearInterval(this.#beat)
    await this.#commit()
    const { consumerProperties } = this.#options
    const options = {
      groupId: this.#groupId,
      topics: this.#topics,
      sessionTimeoutMs: integerSetting(consumerProperties, 'session.timeout.ms', 45_000),
      rebalanceTimeoutMs: integerSetting(consumerProperties, 'max.poll.interval.ms', 300_000),
    }
    const { member, assigned } = await this.#client.retrying(() => this.#join(options), 60_000)
    this.#member = member
    this.#mustJoin = false
    const committed = await this.#client.retrying(() => committedOffsets(this.#client, this.#groupId, assigned), 30_000)
    const starts = new Map(committed.map(({ topic, partition, offset }) => [`${topic}/${partition}`, offset]))
    const positions: { topic: string; partition: number; next: bigint }[] = []
    for (const { topic, partition } of assigned) {
      positions.push({ topic, partition, next: starts.get(`${topic}/${partition}`) ?? (await this.#resetStart(topic, partition)) })
    }
    this.#assigned = positions.length
    this.#reader.assign(positions)
    this.#beat = setInterval(() => void this.#heartbeat(member), integerSetting(consumerProperties, 'heartbeat.interval.ms', 3_000))
  }

  async #join(options: Parameters<typeof joinGroup>[1]): ReturnType<typeof joinGroup> {
    try {
      return await joinGroup(this.#client, options, this.#member?.memberId ?? '')
    } catch (error) {
      if (!(error instanceof WireFailure)) throw error
      const again = [wireCodes.unknownMemberId, wireCodes.illegalGeneration, wireCodes.rebalanceInProgress].some((code) => code === error.code)
      if (!again) throw error
      if (error.code === wireCodes.unknownMemberId) this.#member = undefined
      throw new WireFailure('broker', error.message, { code: wireCodes.coordinatorNotAvailable, cause: error })
    }
  }

  async #resetStart(topic: string, partition: number): Promise<bigint> {
    const { reset, isolation } = this.#options
    if (reset === 'none') {
      throw new WireFailure('unauthorized', `Undefined offset with no reset policy for partitions: [${topic}-${partition}]`)
    }
    const end = isolation === 1 ? 'stable' : 'latest'
    return this.#client.retrying(() => offsetOf(this.#client, topic, partition, reset === 'earliest' ? 'earliest' : end), 30_000)
  }

  async #heartbeat(member: GroupMember): Promise<void> {
    try {
      if (!(await heartbeat(this.#client, member))) this.#mustJoin = true
    } catch (error) {
      // A lost coordinator is looked up again by the next beat; anything else ends the run.
      if (!(error instanceof WireFailure) || !error.passing) this.#failure ??= error
    }
  }

  /** Notes how far the records are done with. */
  async done(positions: PartitionOffset[]): Promise<void> {
    for (const position of positions) this.#uncommitted.set(`${position.topic}/${position.partition}`, position)
  }

  async #commit(): Promise<void> {
    this.#committedAt = performance.now()
    const member = this.#member
    if (!this.#commits || member === undefined || this.#uncommitted.size === 0) return
    const offsets = [...this.#uncommitted.values()]
    this.#uncommitted.clear()
    try {
      await this.#client.retrying(() => commitAsMember(this.#client, member, offsets), 30_000)
    } catch (error) {
      // The group has gone on without us: another member reads these records again.
      const lost = [wireCodes.illegalGeneration, wireCodes.unknownMemberId, wireCodes.rebalanceInProgress]
      if (!(error instanceof WireFailure) || !lost.some((code) => code === error.code)) throw error
      this.#mustJoin = true
    }
  }

  /** Commits and leaves. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#beat)
    const member = this.#member
    if (member === undefined) return
    await this.#commit()
    this.#member = undefined
    await leaveGroup(this.#client, member)
  }
}
