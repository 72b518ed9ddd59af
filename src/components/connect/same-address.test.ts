import { expect, test } from 'vitest'
import { leadsTo } from './same-address.ts'

const here = 'http://127.0.0.1:8083'
const elsewhere = 'http://connect.invalid:8083'
const at = (host: string, port?: string) => ({ 'database.hostname': host, ...(port === undefined ? {} : { 'database.port': port }) })

test.each<[string, Record<string, string>, { host: string; port: number }, string, boolean]>([
  ['the same name, which nobody here can resolve', at('DB.invalid'), { host: 'db.invalid', port: 5432 }, elsewhere, true],
  ['another name', at('db.invalid'), { host: 'other.invalid', port: 5432 }, elsewhere, false],
  ['another port', at('db.invalid', '5433'), { host: 'db.invalid', port: 5432 }, elsewhere, false],
  ['two names of one address, workers on this machine', at('localhost', '5433'), { host: '127.0.0.1', port: 5433 }, here, true],
  ['loopback of a machine that is not this one', at('127.0.0.1'), { host: '127.0.0.1', port: 5432 }, elsewhere, false],
  ['localhost of a machine that is not this one', at('localhost'), { host: 'localhost', port: 5432 }, elsewhere, false],
  ['an address that is not loopback', at('192.0.2.1'), { host: '192.0.2.1', port: 5432 }, elsewhere, true],
  ['a host by reference', at(`\${file:/etc/db:host}`), { host: `\${file:/etc/db:host}`, port: 5432 }, here, false],
  ['no host at all', {}, { host: 'db.invalid', port: 5432 }, here, false],
])('%s', async (_title, config, server, workers, expected) => {
  expect(await leadsTo(config, server, workers)).toBe(expected)
})
