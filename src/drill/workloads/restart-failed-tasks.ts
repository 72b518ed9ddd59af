import { z } from 'zod'
import { waitUntil } from '../../base/wait-until.ts'
import { type HttpServer, httpJson } from '../observers/http-json.ts'
import { connectorName } from './connector.ts'

const statusSchema = z.object({
  connector: z.object({ state: z.string() }),
  tasks: z.array(z.object({ state: z.string() })),
})

/**
 * Kafka Connect never starts a task again that failed, for instance because the registry was away when it needed a schema: that is for people to do
 * once the cause is gone. Waits until the connector and its task run; one that somebody stopped stays so.
 */
export async function restartFailedTasks(connect: HttpServer, signal: AbortSignal): Promise<void> {
  const path = `/connectors/${encodeURIComponent(connectorName)}`
  let seen = ''
  let asked = 0
  await waitUntil(
    async () => {
      const answer = await httpJson(connect, `${path}/status`, { signal, accept: [404, 409, 500, 503] })
      if (answer.status !== 200) return false
      const { connector, tasks } = statusSchema.parse(answer.body)
      const states = [connector, ...tasks].map(({ state }) => state)
      seen = states.join(', ')
      if (connector.state === 'STOPPED' || (states.length > 1 && states.every((state) => state === 'RUNNING'))) return true
      if (states.includes('FAILED') && performance.now() - asked > 5_000) {
        asked = performance.now()
        await httpJson(connect, `${path}/restart?includeTasks=true&onlyFailed=true`, { method: 'POST', signal, accept: [404, 409, 500] })
      }
      return false
    },
    { what: 'the connector to run again', timeoutMs: 180_000, everyMs: 250, signal, lastWords: () => `last seen: ${seen}` },
  )
}
