import { z } from 'zod'
import { type HttpServer, httpJson } from './http-json.ts'
import type { ObservedSchema, RegistryObservation } from './observation.ts'
import { compatibleRegistry } from './registry-server.ts'

const versionSchema = z.object({
  id: z.number().int(),
  version: z.number().int(),
  schema: z.string(),
  schemaType: z.string().default('AVRO'),
  references: z
    .array(z.object({ name: z.string(), subject: z.string(), version: z.number().int() }))
    .nullish()
    .transform((list) => list ?? []),
})

/** Every version of every subject, deleted ones too, with ids and references; compatibility and mode where they were set. Over the Confluent-compatible API. */
export async function observeRegistry(server: HttpServer, signal: AbortSignal): Promise<RegistryObservation> {
  const registry = await compatibleRegistry(server, signal)
  const get = async (path: string, accept: number[] = []) => httpJson(registry, path, { signal, accept })
  const names = async (path: string) => z.array(z.string()).parse((await get(path)).body)
  const numbers = async (path: string) => {
    const answer = await get(path, [404])
    return answer.status === 404 ? [] : z.array(z.number().int()).parse(answer.body)
  }
  const subjects = [...new Set([...(await names('/subjects')), ...(await names('/subjects?deleted=true'))])].sort()
  const schemas: ObservedSchema[] = []
  const compatibility: Record<string, string> = {}
  const modes: Record<string, string> = {}
  for (const subject of ['', ...subjects]) {
    const below = subject === '' ? '' : `/${encodeURIComponent(subject)}`
    const question = subject === '' ? '' : '?defaultToGlobal=false'
    const level = await get(`/config${below}${question}`, [404])
    if (level.status === 200) compatibility[subject] = z.object({ compatibilityLevel: z.string() }).parse(level.body).compatibilityLevel
    const mode = await get(`/mode${below}${question}`, [404, 405])
    if (mode.status === 200) modes[subject] = z.object({ mode: z.string() }).parse(mode.body).mode
    if (subject === '') continue
    const path = `/subjects/${encodeURIComponent(subject)}/versions`
    const live = new Set(await numbers(path))
    for (const number of new Set([...(await numbers(`${path}?deleted=true`)), ...live])) {
      const answer = await get(`${path}/${number}?deleted=true`, [404])
      const { id, version, schema, schemaType, references } =
        answer.status === 404 ? await deletedInApicurio(server, subject, number, signal) : versionSchema.parse(answer.body)
      schemas.push({ subject, version, id, schemaType, schema, references, deleted: !live.has(number) })
    }
  }
  return { schemas, compatibility, modes }
}

/** Apicurio lists a soft-deleted subject's versions but answers 404 for each; its own API still gives them. The wire id is its contentId. */
async function deletedInApicurio(
  server: HttpServer,
  subject: string,
  version: number,
  signal: AbortSignal,
): Promise<Omit<ObservedSchema, 'subject' | 'deleted'>> {
  const own = { ...server, url: server.url.replace(/\/apis\/ccompat\/v\d+\/?$/, '').replace(/\/+$/, '') }
  const path = `/apis/registry/v3/groups/default/artifacts/${encodeURIComponent(subject)}/versions/${version}`
  const meta = z.object({ contentId: z.number().int(), artifactType: z.string() }).parse((await httpJson(own, path, { signal })).body)
  const content = await httpJson(own, `/apis/registry/v3/ids/contentIds/${meta.contentId}`, { signal })
  const references = await httpJson(own, `/apis/registry/v3/ids/contentIds/${meta.contentId}/references`, { signal })
  return {
    id: meta.contentId,
    version,
    schema: content.text,
    schemaType: meta.artifactType,
    references: z
      .array(z.object({ name: z.string(), artifactId: z.string(), version: z.coerce.number().int() }))
      .parse(references.body)
      .map((one) => ({ name: one.name, subject: one.artifactId, version: one.version })),
  }
}
