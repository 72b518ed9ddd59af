import { z } from 'zod'
import { stringifyJson } from '../../base/lossless-json.ts'
import { type HttpServer, httpJson } from './http-json.ts'
import type { ObservedConnector } from './observation.ts'

const statusSchema = z.object({
  type: z.string(),
  connector: z.object({ state: z.string() }),
  tasks: z.array(z.object({ id: z.number().int(), state: z.string(), trace: z.string().optional() })),
})
const offsetsSchema = z.object({ offsets: z.array(z.object({ partition: z.unknown(), offset: z.unknown() })) })

/** Every connector: its configuration, states, and the offsets that the worker would resume it from. */
export async function observeConnect(connect: HttpServer, signal: AbortSignal): Promise<ObservedConnector[]> {
  const names = z.array(z.string()).parse((await httpJson(connect, '/connectors', { signal })).body)
  const observed: ObservedConnector[] = []
  for (const name of names.sort()) {
    const path = `/connectors/${encodeURIComponent(name)}`
    const config = z.record(z.string(), z.string()).parse((await httpJson(connect, `${path}/config`, { signal })).body)
    const status = statusSchema.parse((await httpJson(connect, `${path}/status`, { signal })).body)
    const { offsets } = offsetsSchema.parse((await httpJson(connect, `${path}/offsets`, { signal })).body)
    observed.push({
      name,
      type: status.type,
      state: status.connector.state,
      tasks: status.tasks.map(({ id, state, trace }) => ({
        id,
        state,
        ...(trace === undefined ? {} : { trace: trace.split('\n').slice(0, 6).join('\n') }),
      })),
      config,
      offsets: Object.fromEntries(offsets.map((one) => [stringifyJson(one.partition), stringifyJson(one.offset)])),
    })
  }
  return observed
}
