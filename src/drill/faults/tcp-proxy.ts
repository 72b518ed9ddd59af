import { once } from 'node:events'
import { type AddressInfo, createServer, Socket } from 'node:net'
import { setTimeout as later } from 'node:timers/promises'

/** Stands between a client and a server, and spoils what passes. Every fault heals: `thaw`, `delay(0)`, and new connections after a reset. */
export interface TcpProxy extends AsyncDisposable {
  /** On 127.0.0.1. */
  readonly port: number
  /** Connections that were accepted so far. */
  readonly accepted: number
  /** Bytes that came from the server so far. */
  readonly received: number
  /** Ends every connection with RST, as a broker that dies or a firewall that forgets. */
  reset(): void
  /** Ends the connection that carries it with RST once so many more bytes have come from the server: in the middle of an answer. */
  cutAfter(bytes: number): void
  /** Nothing passes any more, and no connection ends: a machine that is gone. */
  freeze(): void
  /** What was held back passes. */
  thaw(): void
  /** Every piece waits so long, milliseconds, before it passes. */
  delay(milliseconds: number): void
}

/** A proxy before `target`, on a port of its own. The server need not run yet. */
export async function startTcpProxy(target: { host: string; port: number }): Promise<TcpProxy> {
  const pairs = new Set<{ client: Socket; server: Socket }>()
  let accepted = 0
  let received = 0
  let cut: number | undefined
  let wait = 0
  let gate = Promise.withResolvers<void>()
  gate.resolve()

  const listener = createServer({ pauseOnConnect: true }, (client) => {
    accepted++
    const server = new Socket()
    const pair = { client, server }
    pairs.add(pair)
    const end = () => {
      pairs.delete(pair)
      client.destroy()
      server.destroy()
    }
    for (const socket of [client, server]) socket.on('error', end).on('close', end)
    server.connect(target, () => {
      pump(client, server, undefined)
      pump(server, client, (piece) => {
        received += piece.length
        if (cut === undefined) return piece
        cut -= piece.length
        if (cut > 0) return piece
        const kept = piece.subarray(0, piece.length + cut)
        cut = undefined
        return { last: kept }
      })
    })
  })

  /** Piece by piece, so that what waits holds back what comes after it, and the sender with it. */
  const pump = (from: Socket, to: Socket, look: ((piece: Buffer) => Buffer | { last: Buffer }) | undefined) => {
    void (async () => {
      for await (const piece of from as AsyncIterable<Buffer>) {
        await gate.promise
        if (wait > 0) await later(wait)
        const looked = look?.(piece) ?? piece
        if (Buffer.isBuffer(looked)) {
          if (!to.write(looked)) await once(to, 'drain')
          continue
        }
        to.write(looked.last, () => {
          to.resetAndDestroy()
          from.resetAndDestroy()
        })
        return
      }
      to.end()
    })().catch(() => {
      // A socket that ended while it was written to: the pair's end has been told by its own event.
      to.destroy()
    })
  }

  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const reset = () => {
    for (const { client, server } of pairs) {
      client.resetAndDestroy()
      server.resetAndDestroy()
    }
  }
  return {
    port: (listener.address() as AddressInfo).port,
    get accepted() {
      return accepted
    },
    get received() {
      return received
    },
    reset,
    cutAfter(bytes) {
      cut = bytes
    },
    freeze() {
      gate = Promise.withResolvers()
    },
    thaw() {
      gate.resolve()
    },
    delay(milliseconds) {
      wait = milliseconds
    },
    async [Symbol.asyncDispose]() {
      const closed = once(listener, 'close')
      listener.close()
      gate.resolve()
      reset()
      await closed
    },
  }
}
