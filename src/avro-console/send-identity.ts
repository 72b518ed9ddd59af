import type { WireClient } from '../clients/kafka-wire/wire-client.ts'
import { newProducerIdentity, type ProducerIdentity } from '../clients/kafka-wire/wire-produce.ts'
import type { Stamp } from './send-batch.ts'

/** Producer ids and sequence numbers of the partitions of one topic. */
export interface ProducerIdentities {
  /** The stamp of the next batch of `count` records. */
  stamp(partition: number, count: number): Promise<Stamp>
  /** Another identity for a partition, whose sequence begins again: after a batch that was lost. */
  renew(partition: number): void
}

const nobody: Stamp = { producerId: -1n, producerEpoch: -1, baseSequence: -1 }

export function producerIdentities(client: WireClient, idempotent: boolean, patienceMs: number): ProducerIdentities {
  const partitions = new Map<number, { identity: Promise<ProducerIdentity> | undefined; next: number }>()
  let first: Promise<ProducerIdentity> | undefined
  const ask = () => client.retrying(() => newProducerIdentity(client), patienceMs)
  return {
    async stamp(partition, count) {
      if (!idempotent) return nobody
      let state = partitions.get(partition)
      if (state === undefined) {
        first ??= ask()
        state = { identity: first, next: 0 }
        partitions.set(partition, state)
      }
      // Asked for when it is needed: nobody would meet the failure otherwise.
      state.identity ??= ask()
      const baseSequence = state.next
      state.next = (state.next + count) % 2 ** 31
      return { ...(await state.identity), baseSequence }
    },
    renew(partition) {
      if (idempotent) partitions.set(partition, { identity: undefined, next: 0 })
    },
  }
}
