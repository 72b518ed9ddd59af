import { expect, test } from 'vitest'
import { connectorConfig, ledgerTopics, topicOf } from './connector.ts'

const options = { databaseConfig: { 'database.password': `\${file:/secrets:pg}` }, converterConfig: { 'value.converter': 'Avro' } }

test('tables are patterns that match themselves alone', async () => {
  const config = await connectorConfig({ ...options, extraTables: ['My App.a,b.$(x)'] })
  const patterns = (config['table.include.list'] ?? '').split(',')
  expect(patterns).toContain('shop\\.Price List')
  expect(patterns.at(-1)).toBe('My App\\.a\\x2cb\\.\\$\\(x\\)')
  expect(new RegExp(`^${patterns.at(-1)}$`).test('My App.a,b.$(x)')).toBe(true)
})

test('the password is the reference that the stack gave', async () => {
  expect(await connectorConfig(options)).toMatchObject({
    'database.password': `\${file:/secrets:pg}`,
    'plugin.name': 'pgoutput',
    'value.converter': 'Avro',
  })
})

test('topics have the names that Debezium gives them', () => {
  expect(topicOf('shop.Price List')).toBe('shopdb.shop.Price_List')
  expect(ledgerTopics['shopdb.public.ledger_entry']).toBe('ledger_entry')
})
