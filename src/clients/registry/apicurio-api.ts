import { z } from 'zod'
import { DatapipeError } from '../../base/errors.ts'
import type { HttpClient } from '../http.ts'

const versionSchema = z.object({
  groupId: z.string().nullish(),
  artifactId: z.string(),
  version: z.string(),
  globalId: z.number().int(),
  contentId: z.number().int(),
  artifactType: z.string(),
  state: z.string(),
})

const artifactSchema = z.object({ groupId: z.string().nullish(), artifactId: z.string() })
const referenceSchema = z.object({ groupId: z.string().nullish(), artifactId: z.string(), version: z.string(), name: z.string() })
const groupSchema = z.object({ groupId: z.string() })
const infoSchema = z.object({ name: z.string(), version: z.string() })
const ruleSchema = z.object({ config: z.string() })
const propertySchema = z.object({ name: z.string(), value: z.string() })

export interface NewVersion {
  version: string
  content: { content: string; contentType: string; references: { groupId: string | null; artifactId: string; version: string; name: string }[] }
}

const pageSize = 500

/**
 * Apicurio's native API (v3), which shows what its Confluent-compatible one cuts or hides: more than 1000 subjects, all groups, ids of
 * deleted versions, rules that are really set. The `default` group is nameless here (`groupId` absent).
 */
export type ApicurioApi = ReturnType<typeof apicurioApi>

export function apicurioApi(http: HttpClient) {
  const root = '/apis/registry/v3'
  const enc = encodeURIComponent
  const at = (groupId: string | null | undefined, artifactId: string) => `${root}/groups/${enc(groupId ?? 'default')}/artifacts/${enc(artifactId)}`

  const ask = async <T>(schema: z.ZodType<T>, path: string): Promise<T> => {
    const answer = await http.request('GET', path)
    const result = schema.safeParse(answer.json())
    if (result.success) return result.data
    throw new DatapipeError('server-refused', `apicurio answered ${path} in an unknown form: ${result.error.issues[0]?.message ?? ''}`)
  }

  /** A whole list, by pages; read again (three times) when its own count says that it changed meanwhile. */
  const all = async <T>(item: z.ZodType<T>, path: string, field: string): Promise<T[]> => {
    for (let attempt = 1; ; attempt++) {
      const items: T[] = []
      let count = 0
      for (let offset = 0; ; offset += pageSize) {
        const page = await ask(
          z.looseObject({ count: z.number().int(), [field]: z.array(item) }),
          `${path}${path.includes('?') ? '&' : '?'}offset=${offset}&limit=${pageSize}`,
        )
        const list = page[field] as T[]
        count = page.count as number
        items.push(...list)
        if (list.length < pageSize) break
      }
      if (items.length === count) return items
      if (attempt === 3) throw new DatapipeError('server-refused', `apicurio counts ${count} ${field} but lists ${items.length}`)
    }
  }

  const rulesAt = async (path: string): Promise<Record<string, string>> => {
    const names = await ask(z.array(z.string()), path)
    const rules: Record<string, string> = {}
    for (const name of names) rules[name] = (await ask(ruleSchema, `${path}/${enc(name)}`)).config
    return rules
  }

  return {
    http,
    info: () => ask(infoSchema, `${root}/system/info`),
    /** Every version of every group, disabled ones too, in order of global id. */
    versions: () => all(versionSchema, `${root}/search/versions?orderby=globalId&order=asc`, 'versions'),
    artifacts: () => all(artifactSchema, `${root}/search/artifacts?orderby=createdOn&order=asc`, 'artifacts'),
    groups: () => all(groupSchema, `${root}/groups`, 'groups'),
    /** Text of a content; Apicurio gives it for disabled versions and for orphans too. */
    content: async (contentId: number) => (await http.request('GET', `${root}/ids/contentIds/${contentId}`, { headers: { accept: '*/*' } })).text,
    contentIfThere: async (contentId: number) => {
      const answer = await http.request('GET', `${root}/ids/contentIds/${contentId}`, { headers: { accept: '*/*' }, allow: [404] })
      return answer.status === 404 ? undefined : answer.text
    },
    references: (contentId: number) => ask(z.array(referenceSchema), `${root}/ids/contentIds/${contentId}/references`),
    globalRules: () => rulesAt(`${root}/admin/rules`),
    groupRules: (groupId: string) => rulesAt(`${root}/groups/${enc(groupId)}/rules`),
    artifactRules: (groupId: string | null | undefined, artifactId: string) => rulesAt(`${at(groupId, artifactId)}/rules`),
    deleteGlobalRules: async () => void (await http.request('DELETE', `${root}/admin/rules`)),
    /** Refused with 405 unless `apicurio.rest.deletion.artifact.enabled`. */
    deleteArtifact: async (groupId: string | null | undefined, artifactId: string) =>
      void (await http.request('DELETE', at(groupId, artifactId), { allow: [404] })),
    deleteGroup: async (groupId: string) => void (await http.request('DELETE', `${root}/groups/${enc(groupId)}`, { allow: [404] })),
    /** Both give the content id. Content that is stored already keeps the id that it has. */
    async createArtifact(groupId: string | null, artifactId: string, artifactType: string, firstVersion: NewVersion | undefined): Promise<number> {
      const json = { artifactId, artifactType, ...(firstVersion === undefined ? {} : { firstVersion }) }
      const answer = await http.request('POST', `${root}/groups/${enc(groupId ?? 'default')}/artifacts`, { json })
      return z.object({ version: z.object({ contentId: z.number().int() }).nullish() }).parse(answer.json()).version?.contentId ?? 0
    },
    async createVersion(groupId: string | null, artifactId: string, version: NewVersion): Promise<number> {
      const answer = await http.request('POST', `${at(groupId, artifactId)}/versions`, { json: version })
      return z.object({ contentId: z.number().int() }).parse(answer.json()).contentId
    },
    disableVersion: async (groupId: string | null, artifactId: string, version: string) =>
      void (await http.request('PUT', `${at(groupId, artifactId)}/versions/${enc(version)}/state`, { json: { state: 'DISABLED' } })),
    /** On an artifact, a group, or (an empty place) the whole registry. */
    async addRule(place: { groupId?: string | null; artifactId?: string }, ruleType: string, config: string): Promise<void> {
      const { groupId, artifactId } = place
      const group = `${root}/groups/${enc(groupId ?? 'default')}`
      const path = artifactId !== undefined ? `${at(groupId, artifactId)}/rules` : groupId === undefined ? `${root}/admin/rules` : `${group}/rules`
      await http.request('POST', path, { json: { ruleType, config } })
    },
    /** Dynamic properties, e.g. `apicurio.ccompat.legacy-id-mode.enabled`; undefined when the role may not read them. */
    async properties(): Promise<Record<string, string> | undefined> {
      const answer = await http.request('GET', `${root}/admin/config/properties`, { allow: [401, 403, 404] })
      if (answer.status !== 200) return undefined
      return Object.fromEntries(
        z
          .array(propertySchema)
          .parse(answer.json())
          .map(({ name, value }) => [name, value]),
      )
    },
    /** The whole registry as a zip. */
    exportZip: async () => (await http.request('GET', `${root}/admin/export`, { headers: { accept: 'application/zip' }, timeoutMs: 300_000 })).bytes,
    /**
     * Imports a zip with its ids, into an empty registry only: over what is there (even over left-over content of deleted schemas) 3.3.3
     * answers 204 and leaves the versions out.
     */
    async importZip(zip: Uint8Array): Promise<void> {
      await http.request('POST', `${root}/admin/import?requireEmptyRegistry=true`, {
        bytes: zip,
        headers: { 'content-type': 'application/zip', 'X-Registry-Preserve-GlobalId': 'true', 'X-Registry-Preserve-ContentId': 'true' },
        timeoutMs: 300_000,
      })
    },
  }
}
