import { hash } from 'node:crypto'
import type { ObservedConnector } from '../observers/observation.ts'
import { type CheckResult, check, FindingList } from './check-result.ts'
import { compareMaps } from './same-definitions.ts'

/** Same connectors with the same configuration, in the wanted state, tasks and all. Secrets are never shown. */
export function sameConnectors(before: ObservedConnector[], after: ObservedConnector[], expected: { state: string }): CheckResult {
  return check('same-connectors', 'connect', () => {
    const list = new FindingList('connect', 'datapipe diff BACKUP; curl CONNECT/connectors/NAME/status shows the trace')
    let settings = 0
    for (const connector of before) {
      const now = after.find((one) => one.name === connector.name)
      if (now === undefined) {
        list.harm('connector-missing', connector.name, 'the connector is not there')
        continue
      }
      settings += Object.keys(connector.config).length
      compareMaps(masked(connector.config), masked(now.config), 'connector-config', list, `${connector.name}: `)
      if (now.state !== expected.state) list.harm('connector-state', connector.name, `is ${now.state} instead of ${expected.state}`)
      for (const task of now.tasks)
        if (task.state !== expected.state) list.harm('task-state', `${connector.name}/${task.id}`, `is ${task.state}: ${task.trace ?? 'no trace'}`)
      if (expected.state === 'RUNNING' && now.tasks.length === 0) list.harm('task-state', connector.name, 'has no task')
    }
    for (const connector of after)
      if (!before.some((one) => one.name === connector.name)) list.harm('connector-extra', connector.name, 'was not there before')
    return { counts: { connectors: before.length, settings }, findings: list.findings, compared: before.length }
  })
}

/** References (`${provider:…}`) may be shown; what looks like a secret itself may not, only whether it is the same. */
function masked(config: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(config).map(([name, value]) => [
      name,
      /password|secret|token|credential|jaas|key\.pem/i.test(name) && !/^\$\{[^}]+\}$/.test(value) ? `hidden (${fingerprint(value)})` : value,
    ]),
  )
}

function fingerprint(value: string): string {
  return `${value.length} characters, ${hash('sha256', value, 'hex').slice(0, 6)}`
}
