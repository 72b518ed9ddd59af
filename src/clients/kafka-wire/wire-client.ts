import { setTimeout as sleep } from 'node:timers/promises'
import { type WireReader, WireWriter } from './wire-bytes.ts'
import { type WireAddress, type WireApi, WireConnection, type WireOptions } from './wire-connection.ts'
import { throwOnCode, WireFailure, wireCodes } from './wire-failure.ts'

export interface WireNode extends WireAddress {
  nodeId: number
}

export interface WireTopic {
  name: string
  /** 0, or the error that the broker has for this topic: 3 unknown, 5 no leader yet, 29 not allowed. */
  code: number
  internal: boolean
  /** Ascending; leader -1 while there is none. */
  partitions: { partition: number; leader: number }[]
}

const metadataApi: WireApi = { key: 3, version: 9, name: 'Metadata', flexible: true }

/**
 * A cluster for programs that must start at once: no driver is loaded. Finds leaders, keeps one connection per broker and lane.
 * `KafkaClient` is the engine's; this one knows only what console tools need.
 */
export class WireClient implements AsyncDisposable {
  readonly signal: AbortSignal
  readonly #options: WireOptions
  readonly #bootstrap: WireAddress[]
  readonly #links = new Map<string, Promise<WireConnection>>()
  #nodes = new Map<number, WireNode>()
  readonly #leaders = new Map<string, number>()

  constructor(bootstrapServers: readonly string[], options: WireOptions, signal: AbortSignal) {
    this.signal = signal
    this.#options = options
    this.#bootstrap = bootstrapServers.map((server) => {
      const colon = server.lastIndexOf(':')
      return { host: server.slice(0, colon), port: Number(server.slice(colon + 1)) }
    })
    signal.addEventListener('abort', () => void this[Symbol.asyncDispose](), { once: true })
  }

  /** Metadata of the named topics, or of all with null. Topics that do not exist come back with their code; `create` lets the broker make them. */
  async topics(names: readonly string[] | null, create = false): Promise<WireTopic[]> {
    const body = new WireWriter()
    body.array(names, (name) => body.string(name).tags())
    body.bool(create).bool(false).bool(false).tags()
    const reader = await this.requestAny(metadataApi, body)
    reader.int32()
    const nodes = reader.array(() => {
      const node = { nodeId: reader.int32(), host: reader.string(), port: reader.int32() }
      reader.nullableString()
      reader.tags()
      return node
    })
    this.#nodes = new Map(nodes.map((node) => [node.nodeId, node]))
    reader.nullableString()
    reader.int32()
    return reader.array(() => this.#topic(reader)).sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  #topic(reader: WireReader): WireTopic {
    const topic: WireTopic = { code: reader.int16(), name: reader.string(), internal: reader.bool(), partitions: [] }
    topic.partitions = reader.array(() => {
      reader.int16()
      const found = { partition: reader.int32(), leader: reader.int32() }
      reader.int32()
      for (let list = 0; list < 3; list++) reader.array(() => reader.int32())
      reader.tags()
      this.#leaders.set(`${topic.name}/${found.partition}`, found.leader)
      return found
    })
    topic.partitions.sort((a, b) => a.partition - b.partition)
    reader.int32()
    reader.tags()
    return topic
  }

  /** The leader of a partition, from the last metadata. Throws a passing WireFailure while there is none. */
  async leaderOf(topic: string, partition: number): Promise<WireNode> {
    const key = `${topic}/${partition}`
    if (!this.#leaders.has(key)) {
      const [found] = await this.topics([topic])
      throwOnCode(found?.code ?? wireCodes.unknownTopicOrPartition, `find topic ${topic}`)
    }
    const leader = this.#nodes.get(this.#leaders.get(key) ?? -1)
    if (leader === undefined) {
      this.#leaders.delete(key)
      const code = wireCodes.leaderNotAvailable
      throw new WireFailure('broker', `topic ${topic} partition ${partition} has no leader`, { code })
    }
    return leader
  }

  /** Forgets all leaders: the next question for one asks the cluster again. */
  forgetLeaders(): void {
    this.#leaders.clear()
  }

  /** One request to one broker. `lane` separates connections: requests on one lane are answered in order. */
  async request(node: WireNode | WireAddress, lane: string, api: WireApi, body: WireWriter): Promise<WireReader> {
    return (await this.#link(node, lane)).request(api, body)
  }

  /** Repeats `attempt` while it fails with a failure that passes, up to `patienceMs`; leaders are looked up again in between. */
  async retrying<T>(attempt: () => Promise<T>, patienceMs: number): Promise<T> {
    const deadline = performance.now() + patienceMs
    for (let round = 0; ; round++) {
      try {
        return await attempt()
      } catch (error) {
        this.signal.throwIfAborted()
        if (!(error instanceof WireFailure) || !error.passing || performance.now() > deadline) throw error
        this.forgetLeaders()
        await sleep(Math.min(500, 25 * 2 ** Math.min(round, 5)), undefined, { signal: this.signal })
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const links = await Promise.allSettled(this.#links.values())
    this.#links.clear()
    for (const link of links) if (link.status === 'fulfilled') link.value.close()
  }

  /** One request to any broker that answers. Throws `unreachable` with every address when none does. */
  async requestAny(api: WireApi, body: WireWriter): Promise<WireReader> {
    const failures: string[] = []
    for (const node of [...this.#nodes.values(), ...this.#bootstrap]) {
      try {
        return await this.request(node, 'main', api, body)
      } catch (error) {
        if (!(error instanceof WireFailure) || error.kind !== 'unreachable') throw error
        failures.push(error.message)
      }
    }
    throw new WireFailure('unreachable', [...new Set(failures)].join('; '))
  }

  async #link({ host, port }: WireAddress, lane: string): Promise<WireConnection> {
    this.signal.throwIfAborted()
    const key = `${host}:${port} ${lane}`
    const existing = this.#links.get(key)
    if (existing !== undefined) {
      const connection = await existing
      if (connection.open) return connection
      if (this.#links.get(key) === existing) this.#links.delete(key)
    }
    const opening = this.#links.get(key) ?? WireConnection.open({ host, port }, this.#options)
    this.#links.set(key, opening)
    try {
      return await opening
    } catch (error) {
      if (this.#links.get(key) === opening) this.#links.delete(key)
      throw error
    }
  }
}
