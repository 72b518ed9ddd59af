import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { freePorts } from './ports.ts'

test('gives different ports below the ephemeral range, each of which can be listened on', async () => {
  const ports = await freePorts(12)
  expect(new Set(ports).size).toBe(12)
  for (const port of ports) {
    expect(port).toBeLessThan(32_768)
    const server = createServer().listen(port, '127.0.0.1')
    await once(server, 'listening')
    server.close()
  }
})
