import { DatapipeError } from '../../base/errors.ts'
import { WireFailure } from '../kafka-wire/wire-failure.ts'
import { KafkaFailure } from './failure.ts'

/** What `translate` is for the driver, for connections without it: a KafkaFailure (lost connection: retriable) or a DatapipeError. */
export function fromWire(error: unknown, address: string): unknown {
  if (error instanceof RangeError) {
    return new KafkaFailure(`broker ${address} sent an answer that cannot be read: ${error.message}`, { retriable: true, cause: error })
  }
  if (!(error instanceof WireFailure)) return error
  if (error.kind === 'unreachable') return new KafkaFailure(error.message, { retriable: true, cause: error })
  const code = error.kind === 'broker' ? 'server-refused' : error.kind
  return new DatapipeError(code, error.message, { path: `kafka/${address}`, cause: error })
}
