import { setTimeout as sleep } from 'node:timers/promises'
import type { ConnectConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import { waitUntil } from '../../base/wait-until.ts'
import { type ConnectClient, type ConnectorOffset, type ConnectorStatus, connectClient } from '../../clients/connect.ts'
import { explainTrace } from './debezium.ts'

const timeoutMs = 120_000

/**
 * Stops connectors (target state STOPPED, kept over restarts) and waits until each is STOPPED without a task: only then may offsets be changed, and
 * only then has the last one been committed. Throws `timeout` with the last status, `server-refused` for an unknown connector.
 */
export async function stopConnectors(config: ConnectConfig, names: readonly string[], context: Context): Promise<void> {
  const client = connectClient(config, context.signal)
  // Side by side: the closer together they stop, the likelier they stand at one commit.
  await allOf(names.map((name) => client.stop(name)))
  await allOf(names.map((name) => untilStopped(client, name, context)))
}

/** Waits for all, also when one fails: a request that is still under way could stop a connector after the caller has resumed it. */
async function allOf(works: Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(works)) if (result.status === 'rejected') throw result.reason
}

/**
 * Resumes connectors and waits until each, and at least one task of it, is RUNNING. A FAILED one throws `server-refused` with the first
 * lines of its trace, and what they mean where that is known.
 */
export async function resumeConnectors(config: ConnectConfig, names: readonly string[], context: Context): Promise<void> {
  const client = connectClient(config, context.signal)
  const failures: unknown[] = []
  // Every one is tried: a connector that fails must not leave the others stopped.
  const tryAll = async (work: (name: string) => Promise<void>) => {
    for (const name of names) await work(name).catch((error: unknown) => failures.push(error))
  }
  await tryAll((name) => client.resume(name))
  if (failures.length === 0) await tryAll((name) => untilRunning(client, name, context))
  if (failures.length > 0) throw failures[0]
}

/** Gives stopped connectors the target state PAUSED: their tasks come up and wait. */
export async function pauseConnectors(config: ConnectConfig, names: readonly string[], context: Context): Promise<void> {
  const client = connectClient(config, context.signal)
  for (const name of names) await client.pause(name)
}

/** Offsets of a connector, every digit kept. Those of a stopped one stand still. */
export async function readOffsets(config: ConnectConfig, name: string, context: Context): Promise<ConnectorOffset[]> {
  return await settledOffsets(connectClient(config, context.signal), name)
}

/**
 * A worker knows partitions as far as it has read its own topic: one that was just written for the first time is missing for a moment
 * (seen on 4.3.1). An empty list is therefore asked for again before it is believed; values of known partitions are always fresh.
 */
export async function settledOffsets(client: ConnectClient, name: string): Promise<ConnectorOffset[]> {
  const offsets = await client.offsets(name)
  if (offsets.length > 0) return offsets
  await sleep(500)
  return await client.offsets(name)
}

export async function untilStopped(client: ConnectClient, name: string, context: Context): Promise<void> {
  let last: ConnectorStatus | undefined
  await waitUntil(
    async () => {
      last = await client.status(name)
      return last?.connector.state === 'STOPPED' && last.tasks.length === 0
    },
    { what: `connector ${name} to stop`, timeoutMs, everyMs: 150, signal: context.signal, lastWords: () => describe(last) },
  )
}

async function untilRunning(client: ConnectClient, name: string, context: Context): Promise<void> {
  let last: ConnectorStatus | undefined
  await waitUntil(
    async () => {
      last = await client.status(name)
      if (last === undefined) return false
      throwIfFailed(name, last)
      return last.connector.state === 'RUNNING' && last.tasks.length > 0 && last.tasks.every((task) => task.state === 'RUNNING')
    },
    { what: `connector ${name} to run`, timeoutMs, everyMs: 150, signal: context.signal, lastWords: () => describe(last) },
  )
}

/** Throws `server-refused` for the first of the connectors that has failed, or a task of it has, with the first lines of its trace. */
export async function refuseFailed(config: ConnectConfig, names: readonly string[], context: Context): Promise<void> {
  const client = connectClient(config, context.signal)
  for (const name of names) {
    const status = await client.status(name)
    if (status !== undefined) throwIfFailed(name, status)
  }
}

function throwIfFailed(name: string, status: ConnectorStatus): void {
  const failed = [status.connector, ...status.tasks].find((item) => item.state === 'FAILED')
  if (failed === undefined) return
  const trace = failed.trace ?? ''
  throw new DatapipeError('server-refused', `connector ${name} failed: ${firstLines(trace)}`, {
    path: `connect/${name}`,
    hint: explainTrace(trace) ?? `mend what it names, then restart it: POST /connectors/${encodeURIComponent(name)}/restart?includeTasks=true`,
  })
}

/** The exception and its causes, without the stack. Debezium prints whole offsets into the middle of a sentence: that middle is cut. */
export function firstLines(trace: string): string {
  const lines = trace.split('\n').filter((line) => line.trim() !== '' && !/^\s+(at |\.\.\. )/.test(line))
  const short = lines.slice(0, 4).map((line) => (line.length <= 400 ? line : `${line.slice(0, 190)} … ${line.slice(-200)}`))
  return short.length === 0 ? 'it gives no trace' : short.join(' | ')
}

function describe(status: ConnectorStatus | undefined): string {
  if (status === undefined) return 'the worker does not know it'
  return `last seen: ${status.connector.state}, tasks ${status.tasks.map((task) => `${task.id} ${task.state}`).join(', ') || 'none'}`
}
