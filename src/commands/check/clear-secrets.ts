import type { DatapipeConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import type { CheckItem } from '../../components/component.ts'
import { inventoryConnect } from '../../components/connect/inventory.ts'
import { selectTopics } from '../../components/kafka/select-topics.ts'
import { clearSecretFindings, findClearSecrets, refuseSecretsInClear } from '../backup/secrets-in-clear.ts'

/** Would a backup refuse, or store, secrets that stand in clear in the topic of configurations? Nothing where it does not take that topic. */
export async function checkClearSecrets({ kafka, connect }: DatapipeConfig, context: Context): Promise<CheckItem[]> {
  if (kafka === undefined || connect === undefined) return []
  const topics = await selectTopics(kafka, context)
  const { configTopic } = connect
  if (!topics.some(({ name }) => name === configTopic)) return []
  const item = { component: 'connect' as const, name: `no secret stands in clear in ${configTopic}` }
  const found = await findClearSecrets({ kafka, connect, topics, context })
  const [kept] = clearSecretFindings(configTopic, found)
  if (kept === undefined) return [{ ...item, verdict: 'pass', detail: 'every record was read' }]
  const { connectors } = await inventoryConnect(connect, context)
  try {
    refuseSecretsInClear({ found, connectors, connect })
    return [{ ...item, verdict: 'warning', detail: kept.message, ...(kept.next === undefined ? {} : { next: kept.next }) }]
  } catch (error) {
    if (!(error instanceof DatapipeError) || error.code !== 'secret-in-clear') throw error
    return [{ ...item, verdict: 'fail', detail: error.message, next: error.hint }]
  }
}
