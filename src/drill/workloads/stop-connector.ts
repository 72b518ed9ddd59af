import { waitUntil } from '../../base/wait-until.ts'
import { type HttpServer, httpJson } from '../observers/http-json.ts'
import { connectorName, waitUntilRunning } from './connector.ts'

const path = `/connectors/${encodeURIComponent(connectorName)}`

/** Stops the connector, whatever its task's state, and waits until it has no task. */
export async function stopConnector(connect: HttpServer, signal: AbortSignal): Promise<void> {
  await httpJson(connect, `${path}/stop`, { method: 'PUT', signal })
  let seen = ''
  await waitUntil(
    async () => {
      const { status, text } = await httpJson(connect, `${path}/status`, { signal, accept: [404, 409, 500, 503] })
      seen = text
      return status === 200 && /"connector":\{"state":"STOPPED"/.test(text) && /"tasks":\[\]/.test(text)
    },
    { what: 'the connector to stop', timeoutMs: 120_000, everyMs: 250, signal, lastWords: () => seen.slice(0, 400) },
  )
}

/** Resumes it and waits until its task runs. */
export async function resumeConnector(connect: HttpServer, signal: AbortSignal): Promise<void> {
  await httpJson(connect, `${path}/resume`, { method: 'PUT', signal })
  await waitUntilRunning(connect, signal)
}
