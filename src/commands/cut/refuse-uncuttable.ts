import { DatapipeError } from '../../base/errors.ts'
import { addedToFlattened } from '../../components/connect/debezium.ts'

/**
 * Refuses connectors whose records will not say which transaction they belong to, by their transforms: before hours of work, which the cut
 * would then end. Throws `cut-not-possible` with all of them.
 */
export function refuseUncuttable(connectors: { name: string; config: Record<string, string> }[]): void {
  const reasons = connectors.flatMap(({ name, config }) => {
    const reason = whyUncuttable(config)
    return reason === undefined ? [] : [`${name} ${reason}`]
  })
  const [first] = connectors.filter(({ config }) => whyUncuttable(config) !== undefined)
  if (first === undefined) return
  throw new DatapipeError('cut-not-possible', `the topics could not be cut by transaction: ${reasons.join('; ')}`, { path: `connect/${first.name}` })
}

function whyUncuttable(config: Record<string, string>): string | undefined {
  const transforms = (config.transforms ?? '').split(',').map((name) => name.trim())
  const router = transforms.find((name) => /(^|\.)EventRouter$/.test(config[`transforms.${name}.type`] ?? ''))
  if (router !== undefined) return `writes outbox events (transform ${router}), which do not name their transaction`
  const added = addedToFlattened(config)
  if (added === undefined || 'source.txId' in added.fields || 'source.txId' in added.headers) return undefined
  return 'flattens its events (ExtractNewRecordState) and keeps no source.txId (add.headers or add.fields: op,source.txId,source.lsn,source.sequence)'
}
