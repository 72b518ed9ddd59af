import type { ConnectConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { DatapipeError, describeError } from '../../base/errors.ts'
import { type ConnectClient, connectClient, kafkaVersionOf } from '../../clients/connect.ts'
import type { CheckItem, TargetIdentity } from '../component.ts'
import { firstLines } from './control.ts'
import { explainTrace } from './debezium.ts'

const item = (name: string, verdict: CheckItem['verdict'], detail: string, next?: string): CheckItem => ({
  component: 'connect',
  name,
  verdict,
  detail,
  ...(next === undefined ? {} : { next }),
})

/** Everything `datapipe check` wants to know of Connect. Reads only; every fault is an item. */
export async function checkConnect(config: ConnectConfig, context: Context): Promise<CheckItem[]> {
  const client = connectClient(config, context.signal)
  const items: CheckItem[] = []
  try {
    const { version, clusterId } = await client.info()
    items.push(item('kafka connect answers', 'pass', `${version} on kafka cluster ${clusterId}`))
    items.push(offsetsItem(version))
    items.push(...(await connectorItems(client)))
  } catch (error) {
    if (context.signal.aborted) throw error
    const name = items.length === 0 ? 'kafka connect answers' : 'connectors can be read'
    items.push(item(name, 'fail', describeError(error), error instanceof DatapipeError ? error.hint : undefined))
  }
  return items
}

/** GET since 3.5, PATCH and DELETE since 3.6, creation in state STOPPED since 3.7. */
function offsetsItem(version: string): CheckItem {
  const name = 'connectors can be created stopped and their offsets set'
  const kafka = kafkaVersionOf(version)
  if (kafka === undefined) return item(name, 'warning', `the worker's version ${version} says nothing`)
  const number = kafka.major * 100 + kafka.minor
  if (number >= 307) return item(name, 'pass', `kafka ${kafka.major}.${kafka.minor}`)
  return item(
    name,
    number >= 306 ? 'warning' : 'fail',
    `kafka ${kafka.major}.${kafka.minor}; offsets need 3.6, creation in state STOPPED 3.7`,
    'update the workers, or restore their topics raw',
  )
}

async function connectorItems(client: ConnectClient): Promise<CheckItem[]> {
  const plugins = new Set((await client.plugins()).map((plugin) => plugin.class))
  const items: CheckItem[] = []
  for (const { name, config, status } of await client.connectors()) {
    const className = config['connector.class'] ?? ''
    const short = className.split('.').at(-1)
    // The worker takes a class by its simple name too, with or without `Connector`.
    const known = plugins.has(className) || [...plugins].some((plugin) => plugin.endsWith(`.${short}`) || plugin.endsWith(`.${short}Connector`))
    if (!known) items.push(item(`plugin of ${name}`, 'fail', `the worker does not have ${className}`, 'install it on every worker (plugin.path)'))
    const failed = [status.connector, ...status.tasks].find((part) => part.state === 'FAILED')
    const trace = failed?.trace ?? ''
    const seen = `${status.connector.state}, tasks ${status.tasks.map((task) => task.state).join(', ') || 'none'}`
    if (failed === undefined) items.push(item(`connector ${name}`, status.connector.state === 'RUNNING' ? 'pass' : 'warning', seen))
    else items.push(item(`connector ${name}`, 'fail', `${seen}: ${firstLines(trace)}`, explainTrace(trace) ?? "read the worker's log"))
  }
  return items
}

/** The Connect cluster that a restore would go to, and whether it has connectors. REST does not tell the worker group's name. */
export async function identifyConnect(config: ConnectConfig, context: Context): Promise<TargetIdentity> {
  const client = connectClient(config, context.signal)
  const [{ clusterId }, names] = [await client.info(), await client.names()]
  return { component: 'connect', identity: `${clusterId} at ${client.url}`, empty: names.length === 0, contents: names.sort().slice(0, 5) }
}
