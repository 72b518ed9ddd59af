import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connectConfigSchema } from '../../base/config.ts'
import { silentContext } from '../../base/context.ts'
import { type ConfigRecord, clearSecretsIn } from './config-records.ts'

/** A worker whose plugin `Shop` declares `pin` as a password; other classes it does not have. */
let worker: Server
let url: string

beforeAll(async () => {
  worker = createServer((request, response) => {
    response.setHeader('content-type', 'application/json')
    response.statusCode = request.url === '/connector-plugins/Shop/config' ? 200 : 404
    response.end(JSON.stringify(response.statusCode === 200 ? [{ name: 'pin', type: 'PASSWORD' }] : { error_code: 404, message: 'no such plugin' }))
  })
  await new Promise<void>((resolve) => worker.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(worker.address() as AddressInfo).port}`
})

afterAll(() => {
  worker.close()
})

async function* topic(...records: [string | null, unknown][]): AsyncGenerator<ConfigRecord[]> {
  for (const [offset, [key, value]] of records.entries()) {
    const bytes = value === null ? null : Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
    yield [{ partition: 0, offset: BigInt(offset), key: key === null ? null : Buffer.from(key), value: bytes }]
  }
}

test('what a connector was given earlier is found, in its tasks too, and of connectors that are gone', async () => {
  const records = topic(
    ['connector-a-b', { properties: { 'connector.class': 'Shop', pin: '1234', host: 'db' } }],
    ['task-a-b-0', { properties: { pin: '1234', 'task.class': 'ShopTask', empty: null } }],
    ['commit-a-b', { tasks: 1 }],
    ['connector-a-b', { properties: { 'connector.class': 'Shop', pin: `\${file:/run/secrets:pin}` } }],
    ['connector-old', { properties: { 'connector.class': 'Lost', 'database.password': 'x', pin: '1' } }],
    ['connector-old', null],
    ['target-state-a-b', { state: 'STARTED' }],
    ['session-key', { key: 'x', algorithm: 'HmacSHA256' }],
    ['connector-odd', 'no JSON'],
    [null, { properties: { password: 'x' } }],
  )
  expect(await clearSecretsIn(records, connectConfigSchema.parse({ url }), silentContext())).toEqual([
    { connector: 'a-b', keys: ['pin'], record: 'connector-a-b', partition: 0, offset: 0n },
    { connector: 'a-b', keys: ['pin'], record: 'task-a-b-0', partition: 0, offset: 1n },
    { connector: 'old', keys: ['database.password'], record: 'connector-old', partition: 0, offset: 4n },
  ])
})
