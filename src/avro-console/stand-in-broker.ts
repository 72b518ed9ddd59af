import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { WireWriter } from '../clients/kafka-wire/wire-bytes.ts'

export interface StandInBroker extends AsyncDisposable {
  /** `127.0.0.1:PORT`. */
  address: string
  /** Produce requests so far. */
  produced: number
}

/**
 * For tests: a broker of one partition of any topic that answers produce requests with these error codes, one after the other, the last one for ever.
 * A real broker gives no passing refusal that a test could ask for. Grammar: wire-connection.ts (ApiVersions), wire-client.ts (Metadata),
 * wire-produce.ts.
 */
export async function standInBroker(codes: readonly number[]): Promise<StandInBroker> {
  const broker = { produced: 0 }
  const answerTo = (api: number, topic: string): WireWriter => {
    const body = new WireWriter()
    switch (api) {
      case 18:
        return body
          .int16(0)
          .array([0, 3, 18, 22], (key) => body.int16(key).int16(0).int16(12).tags())
          .int32(0)
          .tags()
      case 3:
        body
          .int32(0)
          .array([0], () => body.int32(1).string('127.0.0.1').int32(port()).string(null).tags())
          .string('cluster')
          .int32(1)
        body.array([topic], () => {
          body.int16(0).string(topic).bool(false)
          body.array([0], () =>
            body
              .int16(0)
              .int32(0)
              .int32(1)
              .int32(0)
              .array([1], () => body.int32(1))
              .array([1], () => body.int32(1))
              .array([], () => {})
              .tags(),
          )
          body.int32(0).tags()
        })
        return body.tags()
      case 22:
        return body.int32(0).int16(0).int64(7n).int16(0).tags()
      case 0: {
        const code = codes[Math.min(broker.produced, codes.length - 1)] ?? 0
        broker.produced += 1
        body.array([topic], () => {
          body
            .string(topic)
            .array([0], () =>
              body
                .int32(0)
                .int16(code)
                .int64(0n)
                .int64(-1n)
                .int64(0n)
                .array([], () => {})
                .string(null)
                .tags(),
            )
            .tags()
        })
        return body.int32(0).tags()
      }
      default:
        throw new Error(`api ${api} was not expected`)
    }
  }
  const server = createServer((socket) => {
    let held = Buffer.alloc(0)
    socket.on('error', () => {
      // the client closes as it likes
    })
    socket.on('data', (bytes: Buffer) => {
      held = Buffer.concat([held, bytes])
      while (held.length >= 4 && held.length >= 4 + held.readInt32BE(0)) {
        const size = held.readInt32BE(0)
        const request = held.subarray(4, 4 + size)
        held = held.subarray(4 + size)
        const api = request.readInt16BE(0)
        // ApiVersions alone has no tagged fields in the header of its answer.
        const head = new WireWriter().int32(request.readInt32BE(4))
        const answer = Buffer.concat([(api === 18 ? head : head.tags()).finish(), answerTo(api, 'orders').finish()])
        const length = Buffer.alloc(4)
        length.writeInt32BE(answer.length)
        socket.write(Buffer.concat([length, answer]))
      }
    })
  })
  const port = () => (server.address() as AddressInfo).port
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return Object.assign(broker, {
    address: `127.0.0.1:${port()}`,
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => server.close(resolve))
    },
  })
}
