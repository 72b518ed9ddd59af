import { expect, test } from 'vitest'
import { addedToFlattened, signalGroupOf, signalTopicOf, topicsOfMoments } from './debezium.ts'

test('the topics of a connector that no transaction brings', () => {
  expect(topicsOfMoments({ 'topic.prefix': 'shop' })).toEqual(['__debezium-heartbeat.shop'])
  expect(
    topicsOfMoments({
      'topic.prefix': 'shop',
      'topic.heartbeat.prefix': 'beat',
      'notification.enabled.channels': 'log, sink',
      'notification.sink.topic.name': 'news',
    }),
  ).toEqual(['beat.shop', 'news'])
})

test('the signal topic and its group, by default and by name', () => {
  expect(signalTopicOf({ 'topic.prefix': 'shop' })).toBeUndefined()
  const kafka = { 'topic.prefix': 'shop', 'signal.enabled.channels': 'source,kafka' }
  expect([signalTopicOf(kafka), signalGroupOf(kafka)]).toEqual(['shop-signal', 'kafka-signal'])
  const named = { ...kafka, 'signal.kafka.topic': 'calls', 'signal.kafka.groupId': 'callers' }
  expect([signalTopicOf(named), signalGroupOf(named)]).toEqual(['calls', 'callers'])
  expect(signalGroupOf({ ...named, 'signal.consumer.group.id': 'others' })).toBe('others')
})

test('what a flattening transform keeps, under the names that it gives', () => {
  expect(addedToFlattened({ transforms: 'route' })).toBeUndefined()
  const config = {
    transforms: 'route, unwrap',
    'transforms.unwrap.type': 'io.debezium.transforms.ExtractNewRecordState',
    'transforms.unwrap.add.fields': 'op, source.txId,source.lsn:position',
  }
  expect(addedToFlattened(config)).toEqual({ fields: { op: '__op', 'source.txId': '__source_txId', 'source.lsn': '__position' }, headers: {} })
  const headers = {
    ...config,
    'transforms.unwrap.add.fields': '',
    'transforms.unwrap.add.headers': 'source.txId',
    'transforms.unwrap.add.headers.prefix': '',
  }
  expect(addedToFlattened(headers)).toEqual({ fields: {}, headers: { 'source.txId': 'source_txId' } })
})
