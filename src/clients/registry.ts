import { z } from 'zod'
import type { RegistryConfig } from '../base/config.ts'
import { DatapipeError } from '../base/errors.ts'
import { createHttpClient, type HttpClient } from './http.ts'
import { type ApicurioApi, apicurioApi } from './registry/apicurio-api.ts'
import { type ConfluentApi, confluentApi } from './registry/confluent-api.ts'

export type RegistryKind = 'confluent' | 'apicurio' | 'karapace' | 'other'

/** A registry that answers: which server it is, and the APIs that it speaks. */
export interface RegistryConnection {
  kind: RegistryKind
  /** The server's own words, or `unknown`. */
  version: string
  /** Base URL of the Confluent-compatible API, without credentials. */
  url: string
  confluent: ConfluentApi
  /** Apicurio only. */
  native: ApicurioApi | undefined
}

const ccompat = '/apis/ccompat/v7'

/**
 * Finds out which registry answers at `config.url`: its root, or its Confluent-compatible API (`…/apis/ccompat/v7`).
 * Apicurio by `/apis/registry/v3/system/info`, Karapace by `/_health`, Confluent by `/v1/metadata/version`.
 * Throws `unreachable`, `unauthorized`; `not-supported` when something else answers there.
 */
export async function openRegistry(config: RegistryConfig, signal: AbortSignal): Promise<RegistryConnection> {
  const client = (url: string) =>
    createHttpClient({
      name: 'schema registry',
      section: 'registry',
      url,
      username: config.username,
      password: config.password,
      tls: config.tls,
      signal,
    })
  const given = client(config.url)
  const apicurioAt = given.url.indexOf('/apis/')
  const root = client(withCredentials(config.url, apicurioAt === -1 ? given.url : given.url.slice(0, apicurioAt)))

  const info = await jsonAt(root, '/apis/registry/v3/system/info', z.object({ version: z.string(), name: z.string() }))
  if (info !== undefined) {
    const compatible = client(withCredentials(config.url, `${root.url}${ccompat}`))
    return { kind: 'apicurio', version: info.version, url: compatible.url, confluent: confluentApi(compatible), native: apicurioApi(root) }
  }
  const connection = { url: given.url, confluent: confluentApi(given), native: undefined }
  const health = await jsonAt(given, '/_health', z.looseObject({ karapace_version: z.string().optional(), status: z.looseObject({}).optional() }))
  if (health?.status !== undefined && 'schema_registry_ready' in health.status) {
    return { kind: 'karapace', version: health.karapace_version ?? 'unknown', ...connection }
  }
  const metadata = await jsonAt(given, '/v1/metadata/version', z.object({ version: z.string() }))
  if (metadata !== undefined) return { kind: 'confluent', version: metadata.version, ...connection }
  const answer = await given.request('GET', '/subjects', { allow: [404] })
  if (answer.status === 404 || !Array.isArray(answer.json())) {
    throw new DatapipeError('not-supported', `no schema registry at ${given.url}: GET /subjects gave ${answer.status}`, {
      hint: 'registry.url must be the root of the registry, or its Confluent-compatible API',
    })
  }
  return { kind: 'other', version: 'unknown', ...connection }
}

/** The parsed answer; undefined when the server has no such path or answers in another form. */
async function jsonAt<T>(http: HttpClient, path: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const answer = await http.request('GET', path, { allow: [302, 400, 404, 405] })
  if (answer.status !== 200) return undefined
  const result = schema.safeParse(/^\s*\{/.test(answer.text) ? answer.json() : undefined)
  return result.success ? result.data : undefined
}

function withCredentials(original: string, url: string): string {
  const { username, password } = new URL(original)
  const result = new URL(url)
  result.username = username
  result.password = password
  return result.href
}
