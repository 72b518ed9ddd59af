import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { type HttpServer, httpJson } from '../observers/http-json.ts'
import { compatibleRegistry } from '../observers/registry-server.ts'

const planSchema = z.strictObject({
  schemas: z.array(
    z.strictObject({
      subject: z.string(),
      type: z.enum(['AVRO', 'JSON', 'PROTOBUF']).default('AVRO'),
      file: z.string(),
      references: z.array(z.strictObject({ name: z.string(), subject: z.string(), version: z.number().int() })).default([]),
    }),
  ),
  compatibility: z.record(z.string(), z.string()),
  deletedVersions: z.array(z.strictObject({ subject: z.string(), version: z.number().int() })),
  deletedSubjects: z.array(z.string()),
})

export interface FilledRegistry {
  /** `subject/version` → schema id, in the order of `fixtures/schemas/registry.json`. */
  ids: Map<string, number>
}

/**
 * Registers what `fixtures/schemas/registry.json` lists: several versions, references, compatibility per subject; then soft-deletes a version and a subject.
 * Over the Confluent-compatible API. Throws `server-refused` with the registry's words.
 */
export async function fillRegistry(server: HttpServer, signal: AbortSignal): Promise<FilledRegistry> {
  const directory = new URL('../../../fixtures/schemas/', import.meta.url)
  const plan = planSchema.parse(JSON.parse(await readFile(new URL('registry.json', directory), 'utf8')))
  const registry = await compatibleRegistry(server, signal)
  const send = (method: string, path: string, body?: unknown) =>
    httpJson(registry, path, {
      method,
      signal,
      contentType: 'application/vnd.schemaregistry.v1+json',
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  const ids = new Map<string, number>()
  const versions = new Map<string, number>()
  for (const { subject, type, file, references } of plan.schemas) {
    const schema = await readFile(new URL(file, directory), 'utf8')
    const answer = await send('POST', `/subjects/${encodeURIComponent(subject)}/versions`, { schema, schemaType: type, references })
    const version = (versions.get(subject) ?? 0) + 1
    versions.set(subject, version)
    ids.set(`${subject}/${version}`, z.object({ id: z.number().int() }).parse(answer.body).id)
  }
  for (const [subject, compatibility] of Object.entries(plan.compatibility))
    await send('PUT', `/config${subject === '' ? '' : `/${encodeURIComponent(subject)}`}`, { compatibility })
  for (const { subject, version } of plan.deletedVersions) await send('DELETE', `/subjects/${encodeURIComponent(subject)}/versions/${version}`)
  for (const subject of plan.deletedSubjects) await send('DELETE', `/subjects/${encodeURIComponent(subject)}`)
  return { ids }
}

/** The ids that parcels are written with. Throws `server-refused` when `fillRegistry` has not run. */
export async function parcelSchemas(server: HttpServer, signal: AbortSignal): Promise<{ key: number; first: number; second: number }> {
  const registry = await compatibleRegistry(server, signal)
  const idOf = async (subject: string, version: number) => {
    const answer = await httpJson(registry, `/subjects/${encodeURIComponent(subject)}/versions/${version}`, { signal })
    return z.object({ id: z.number().int() }).parse(answer.body).id
  }
  return {
    key: await idOf('drill.parcels-key', 1),
    first: await idOf('drill.parcels-value', 1),
    second: await idOf('drill.parcels-value', 2),
  }
}
