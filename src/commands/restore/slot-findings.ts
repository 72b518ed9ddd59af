import type { Finding } from '../../base/finding.ts'
import { formatLsn } from '../../base/lsn.ts'
import type { MadeSlot } from './connectors.ts'

/** Of a slot that was made while connectors were not restored. */
export function offsetNotWritten({ connector, slot, confirmedFlushLsn }: MadeSlot): Finding {
  return {
    severity: 'warning',
    code: 'offset-not-written',
    component: 'connect',
    item: connector,
    message: `slot ${slot} was made at ${formatLsn(confirmedFlushLsn)}, but connectors were not restored: a stored offset above that would skip commits in silence`,
    next: 'keep the connector stopped; `datapipe check` tells whether its offset is ahead; `datapipe restore BACKUP --only connect` writes the right one',
  }
}

/** Of a slot of the source that is no connector's. */
export function slotNotMade({ name, plugin, database }: { name: string; plugin: string; database: string }): Finding {
  return {
    severity: 'warning',
    code: 'slot-not-created',
    component: 'postgres',
    item: name,
    message: `the source had logical slot ${name} (${plugin}), which belongs to no connector of the backup: it was not created`,
    next: `psql ${database}: SELECT pg_create_logical_replication_slot('${name}', '${plugin}')`,
  }
}
