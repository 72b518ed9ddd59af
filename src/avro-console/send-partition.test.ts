import { describe, expect, test } from 'vitest'
import { WireClient } from '../clients/kafka-wire/wire-client.ts'
import { producerCommand } from './producer-arguments.ts'
import { type LostRecords, openRecordSender } from './send-records.ts'
import { sendSettings } from './send-settings.ts'
import { standInBroker } from './stand-in-broker.ts'

/** NOT_ENOUGH_REPLICAS: it may pass. */
const notEnough = 19

/** Sends `count` records, each a batch of its own, to a broker that answers with `codes`. */
async function send(codes: number[], compat: 'safe' | 'strict', more: string[], count = 1) {
  await using broker = await standInBroker(codes)
  const args = ['--bootstrap-server', broker.address, '--topic', 'orders', '--retry-backoff-ms', '1', '--timeout', '0', ...more]
  const command = await producerCommand(args, compat)
  if (typeof command === 'string') throw new Error(command)
  const lost: LostRecords[] = []
  await using client = new WireClient([broker.address], { clientId: 'test', requestTimeoutMs: 60_000 }, new AbortController().signal)
  const settings = sendSettings(command.producer, compat)
  const sender = openRecordSender({ client, topic: 'orders', settings, sync: false, lost: (records) => void lost.push(records) })
  for (let index = 0; index < count; index++) await sender.send({ key: null, value: Buffer.from(`${index}`), headers: [] })
  await sender.flush()
  return { sent: broker.produced, lost: lost.map(({ count: records, why }) => `${records} ${why.type.split('.').at(-1)}`) }
}

describe('a batch that is refused for the moment', () => {
  test('is sent again until the broker takes it', async () => {
    expect(await send([...Array(20).fill(notEnough), 0], 'safe', [])).toEqual({ sent: 21, lost: [] })
  })

  test('strict: is sent again three times, then it is lost', async () => {
    expect(await send([notEnough, notEnough, notEnough, 0], 'strict', [])).toEqual({ sent: 4, lost: [] })
    expect(await send([notEnough], 'strict', [])).toEqual({ sent: 4, lost: ['1 NotEnoughReplicasException'] })
  })

  test('without retries it is sent once', async () => {
    expect(await send([notEnough], 'safe', ['--message-send-max-retries', '0'])).toEqual({ sent: 1, lost: ['1 NotEnoughReplicasException'] })
  })

  test('without idempotence, batches behind it that have arrived are not sent a second time', async () => {
    const without = ['--producer-property', 'enable.idempotence=false']
    // The first one alone opens the way for several at a time.
    expect(await send([0, notEnough, 0, 0, 0, 0], 'safe', without, 5)).toEqual({ sent: 6, lost: [] })
  })
})
