import type { ComponentName } from '../../base/events.ts'
import type { Run } from './run.ts'

/** What has a process, a log and a pid file of its own: a component's server, or a broker beside the first. */
export type ServerName = ComponentName | `kafka-${number}`

export interface Broker {
  /** Node id, from 1 on. */
  id: number
  /** For clients and the other brokers, on 127.0.0.1. */
  port: number
  controllerPort: number
  /** What it tells its clients: its own port, or that of a proxy before it. */
  advertisedPort: number
}

/** All brokers of the run; each is a controller, too. */
export function brokersOf({ state }: Pick<Run, 'state'>): Broker[] {
  const brokers = [{ id: 1, port: state.ports.kafka, controllerPort: state.ports.kafkaController }, ...(state.moreBrokers ?? [])]
  return brokers.map((broker) => ({ ...broker, advertisedPort: state.advertisedPorts?.[broker.id] ?? broker.port }))
}

export function brokerName(id: number): ServerName {
  return id === 1 ? 'kafka' : `kafka-${id}`
}

/** `host:port` of every broker, as it advertises itself. */
export function bootstrapServers(run: Pick<Run, 'state'>): string[] {
  return brokersOf(run).map(({ advertisedPort }) => `127.0.0.1:${advertisedPort}`)
}

/** The servers behind a component. */
export function serverNames(run: Pick<Run, 'state'>, component: ComponentName): ServerName[] {
  return component === 'kafka' ? brokersOf(run).map(({ id }) => brokerName(id)) : [component]
}
