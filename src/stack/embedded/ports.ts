import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'
import { DatapipeError } from '../../base/errors.ts'

/**
 * Free TCP ports on 127.0.0.1, all different. They are taken from below the kernel's ephemeral range (32768-60999), because a
 * server that is down for a while must find its port again: an ephemeral one could meanwhile be the near end of any connection.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  for (let attempt = 0; ports.size < count; attempt++) {
    if (attempt > 1000) throw new DatapipeError('stack-failed', 'no free ports on 127.0.0.1 between 20000 and 32767')
    const port = randomInt(20_000, 32_768)
    if (!ports.has(port) && (await isFree(port))) ports.add(port)
  }
  return [...ports]
}

function isFree(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const probe = createServer()
  probe.once('error', () => resolve(false))
  probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => probe.close(() => resolve(true)))
  return promise
}
