import { z } from 'zod'
import { formatLsn, parseLsn } from '../../base/lsn.ts'
import { parseJson } from '../../base/lossless-json.ts'
import type { ObservedConnector, SlotObservation } from '../observers/observation.ts'
import { type CheckResult, check, FindingList } from './check-result.ts'

const integer = z.union([z.number().int(), z.bigint()]).transform(BigInt)
const offsetSchema = z.object({ lsn: integer.optional(), lsn_proc: integer.optional(), lsn_commit: integer.optional() })

/**
 * No Debezium offset is ahead of what the server has written: if it were, PostgreSQL would skip every commit below it in silence
 * (connector and task say RUNNING all the while).
 */
export function offsetNotAhead(connectors: ObservedConnector[], slots: SlotObservation): CheckResult {
  return check('offset-not-ahead', 'connect', () => {
    const list = new FindingList('connect', 'stop the connector at once; datapipe restore BACKUP --only connect')
    const flushed = parseLsn(slots.flushLsn)
    let offsets = 0
    for (const connector of connectors)
      for (const [partition, text] of Object.entries(connector.offsets)) {
        const parsed = offsetSchema.parse(parseJson(text))
        for (const [field, value] of Object.entries(parsed)) {
          if (value === undefined) continue
          offsets += 1
          if (value > flushed)
            list.harm(
              'offset-ahead',
              `${connector.name} ${partition}`,
              `${field} is ${formatLsn(value)}, the server has written up to ${slots.flushLsn} only`,
            )
        }
      }
    return { counts: { connectors: connectors.length, positions: offsets }, findings: list.findings, compared: offsets }
  })
}
