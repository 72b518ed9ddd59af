import { WireWriter } from '../../kafka-wire/wire-bytes.ts'
import type { KafkaRequest } from './kafka-request.ts'

export interface ProducerIdentity {
  producerId: bigint
  producerEpoch: number
}

/*
  InitProducerId Request v3, v4 => transactional_id COMPACT_STRING?, transaction_timeout_ms INT32, producer_id INT64, producer_epoch INT16, TAGS
  InitProducerId Response v3, v4 => throttle INT32, error_code INT16, producer_id INT64, producer_epoch INT16, TAGS
*/
export const initProducerId: KafkaRequest<null, ProducerIdentity & { errorCode: number }> = {
  key: 22,
  name: 'InitProducerId',
  versions: [4, 3],
  write: () => new WireWriter().string(null).int32(60_000).int64(-1n).int16(-1).tags(),
  read(reader) {
    reader.int32()
    return { errorCode: reader.int16(), producerId: reader.int64(), producerEpoch: reader.int16() }
  },
}

export interface MarkerAsk {
  topic: string
  partition: number
  /** Each is a control batch of its own: one offset. */
  count: number
  producer: ProducerIdentity
}

/*
  WriteTxnMarkers Request v1 => [producer_id INT64, producer_epoch INT16, transaction_result BOOLEAN (false: abort),
    [topic COMPACT_STRING, [partition INT32], TAGS], coordinator_epoch INT32, TAGS], TAGS
  WriteTxnMarkers Response v1 => [producer_id INT64, [topic COMPACT_STRING, [partition INT32, error_code INT16, TAGS], TAGS], TAGS], TAGS
*/
export const writeTxnMarkers: KafkaRequest<MarkerAsk, number[]> = {
  key: 27,
  name: 'WriteTxnMarkers',
  versions: [1],
  write({ topic, partition, count, producer }) {
    const body = new WireWriter()
    body.array([...Array(count).keys()], () => {
      body.int64(producer.producerId).int16(producer.producerEpoch).bool(false)
      body.array([topic], (name) => {
        body.string(name).array([partition], (index) => body.int32(index))
        body.tags()
      })
      body.int32(0).tags()
    })
    return body.tags()
  },
  read(reader) {
    const codes: number[] = []
    reader.array(() => {
      reader.int64()
      reader.array(() => {
        reader.string()
        reader.array(() => {
          reader.int32()
          codes.push(reader.int16())
          reader.tags()
        })
        reader.tags()
      })
      reader.tags()
    })
    return codes
  },
}
