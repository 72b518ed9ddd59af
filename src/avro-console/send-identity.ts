import type { WireClient } from '../clients/kafka-wire/wire-client.ts'
import { newProducerIdentity, type ProducerIdentity } from '../clients/kafka-wire/wire-produce.ts'
import type { Stamp } from './send-batch.ts'

/** Producer ids and sequence numbers of the partitions of one topic. */
export interface ProducerIdentities {
  /** The stamp of the next batch of `count` records. */
  stamp(partition: number, count: number): Promise<Stamp>
  /** Another identity for a partition, whose sequence begins again: after a batch that was lost. */
  renew(partition: number): Promise<void>
}

const nobody: Stamp = { producerId: -1n, producerEpoch: -1, baseSequence: -1 }

export function producerIdentities(client: WireClient, idempotent: boolean, patienceMs: number): ProducerIdentities {
  const partitions = new Map<number, { identity: Promise<ProducerIdentity>; next: number }>()
  let first: Promise<ProducerIdentity> | undefined
  const ask = () => client.retrying(() => newProducerIdentity(client), patienceMs)
  return {
    async stamp(partition, count) {
      if (!idempotent) return nobody
      first ??= ask()
      const state = partitions.get(partition) ?? { identity: first, next: 0 }
      partitions.set(partition, state)
      const baseSequence = state.next
      state.next = (state.next + count) % 2 ** 31
      return { ...(await state.identity), baseSequence }
    },
    async renew(partition) {
      if (idempotent) partitions.set(partition, { identity: ask(), next: 0 })
    },
  }
}
