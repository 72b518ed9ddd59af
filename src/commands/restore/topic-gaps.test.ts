import { expect, test } from 'vitest'
import { gapOf, writerOf } from './topic-gaps.ts'

const debezium = (name: string, config: Record<string, string>) => ({
  name,
  config: { 'connector.class': 'io.debezium.connector.postgresql.PostgresConnector', ...config },
})
const point = {
  name: 'p',
  kind: 'barrier' as const,
  takenAt: '2026-11-25T03:00:30Z',
  postgres: { systemIdentifier: '7', timeline: 1, lsn: '0/16B3748' },
}

test('a topic belongs to the connector with the longest prefix that it begins with', () => {
  const connectors = [
    debezium('short', { 'topic.prefix': 'shop' }),
    debezium('long', { 'topic.prefix': 'shop.eu' }),
    { name: 'sink', config: { 'connector.class': 'S3Sink' } },
  ]
  expect(['shop.public.item', 'shop.eu.public.item', 'shopping', 'orders'].map((topic) => writerOf(topic, connectors)?.name)).toEqual([
    'short',
    'long',
    undefined,
    undefined,
  ])
})

test('with a table for signals the way to catch up is an incremental snapshot, without one a new snapshot', () => {
  const connector = debezium('shop', { 'topic.prefix': 'shop', 'signal.data.collection': 'inventory.public.debezium_signal' })
  expect(gapOf('shop.public.item', connector, point)).toEqual({
    severity: 'warning',
    code: 'topic-ends-at-backup',
    component: 'kafka',
    item: 'shop.public.item',
    message: expect.stringContaining('behind 0/16B3748 (2026-11-25T03:00:30Z)') as string,
    next: expect.stringContaining(
      `INSERT INTO public.debezium_signal VALUES ('catch-up-public.item', 'execute-snapshot', '{"data-collections":["public.item"],"type":"incremental"}')`,
    ) as string,
  })
  expect(gapOf('shop.public.item', debezium('shop', { 'topic.prefix': 'shop' }), point).next).toMatch(
    /no signal\.data\.collection: let it take a new snapshot/,
  )
  expect(gapOf('orders', undefined, point)).not.toHaveProperty('next')
})
