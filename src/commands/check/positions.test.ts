import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { configSchema } from '../../base/config.ts'
import { silentContext } from '../../base/context.ts'
import { checkPositions } from './positions.ts'

/** A worker that answers, and one Debezium connector on it: PostgreSQL is what is missing. */
let worker: Server

beforeAll(async () => {
  const config = { 'connector.class': 'io.debezium.connector.postgresql.PostgresConnector', 'topic.prefix': 'shop' }
  const info = { name: 'shop', config, tasks: [], type: 'source' }
  const status = { name: 'shop', connector: { state: 'RUNNING', worker_id: 'w' }, tasks: [], type: 'source' }
  worker = createServer((request, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(request.url?.startsWith('/connectors?') ? { shop: { info, status } } : { offsets: [] }))
  })
  await new Promise<void>((resolve) => worker.listen(0, '127.0.0.1', resolve))
})

afterAll(() => {
  worker.close()
})

const config = (connect: string) =>
  configSchema.parse({ repository: { url: 'file:///unused' }, postgres: { url: 'postgres://a:b@127.0.0.1:1/x' }, connect: { url: connect } })

test('without an answer of either server the items are there, not run, with the reason', async () => {
  const { port } = worker.address() as AddressInfo
  for (const [connect, reason] of [
    [`http://127.0.0.1:${port}`, '127.0.0.1:1 does not answer'],
    ['http://127.0.0.1:1', 'connect at http://127.0.0.1:1'],
  ] as const) {
    expect(await checkPositions(config(connect), silentContext())).toEqual([
      {
        component: 'connect',
        name: 'slots and offsets of connectors fit',
        verdict: 'not run',
        detail: expect.stringContaining(reason) as string,
        next: expect.stringMatching(/\w/) as string,
      },
    ])
  }
})
