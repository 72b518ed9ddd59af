import { Agent } from 'node:https'
import { DatapipeError } from '../../base/errors.ts'
import { type HttpServer, httpJson } from './http-json.ts'

/**
 * The Confluent-compatible API behind a registry's URL: the URL itself, or Apicurio's path below it.
 * Throws `unreachable`, `unauthorized`, or `not-supported` when neither lists subjects.
 */
export async function compatibleRegistry(server: HttpServer, signal?: AbortSignal): Promise<HttpServer> {
  const root = server.url.replace(/\/+$/, '')
  for (const url of [root, `${root}/apis/ccompat/v7`]) {
    const candidate = { ...server, url }
    const answer = await httpJson(candidate, '/subjects', { accept: [301, 302, 404, 405], ...(signal === undefined ? {} : { signal }) })
    if (answer.status === 200 && Array.isArray(answer.body)) return candidate
  }
  throw new DatapipeError('not-supported', `no Confluent-compatible API at ${root}`, { path: root })
}

/** How the independent registry client is told about a server: basic auth, and an agent that knows the certificates. */
export function registryClientOptions({ url, username, password, tls }: HttpServer) {
  const certificates = Object.fromEntries(Object.entries(tls ?? {}).filter(([, value]) => value !== undefined))
  return {
    host: url,
    ...(username === undefined ? {} : { auth: { username, password: password ?? '' } }),
    ...(url.startsWith('https:') ? { agent: new Agent(certificates) } : {}),
  }
}
