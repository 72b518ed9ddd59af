import { DatapipeError } from '../../../base/errors.ts'
import type { WireReader, WireWriter } from '../../kafka-wire/wire-bytes.ts'
import type { WireApi } from '../../kafka-wire/wire-connection.ts'

/**
 * One request of the protocol in the versions that we speak: how it is written, and how its answer is read, behind the headers. Error codes in
 * an answer are data. Grammar: https://kafka.apache.org/protocol, and the schemas in Kafka's clients/src/main/resources/common/message.
 */
export interface KafkaRequest<Ask, Answer> {
  key: number
  name: string
  /** Best first. */
  versions: readonly number[]
  /** The first version with tagged fields; 0 when left out. */
  flexibleFrom?: number
  write(ask: Ask, version: number): WireWriter
  read(reader: WireReader, version: number): Answer
}

export type OfferedVersions = { min: number; max: number } | undefined

/** The best version that both sides speak. Throws `not-supported` with the address. */
export function pickVersion(
  { key, name, versions, flexibleFrom = 0 }: KafkaRequest<never, unknown>,
  offered: OfferedVersions,
  address: string,
): WireApi {
  const version = versions.find((each) => offered !== undefined && offered.min <= each && each <= offered.max)
  if (version !== undefined) return { key, version, name, flexible: version >= flexibleFrom }
  throw new DatapipeError(
    'not-supported',
    `broker ${address} offers ${name} in ${offered === undefined ? 'no version' : `versions ${offered.min} to ${offered.max}`}; version ${versions.join(' or ')} is needed`,
    { path: `kafka/${address}` },
  )
}
