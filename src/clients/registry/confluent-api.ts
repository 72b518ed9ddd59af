import { z } from 'zod'
import { DatapipeError } from '../../base/errors.ts'
import type { HttpAnswer, HttpClient } from '../http.ts'

const referenceSchema = z.object({ name: z.string(), subject: z.string(), version: z.number().int() })
export type SchemaReference = z.infer<typeof referenceSchema>

/**
 * One version as Confluent-compatible servers print it. What only some print (`guid`, `ts`) is left out; a missing `schemaType` is AVRO
 * (7.6 omits it, 8.3 does not). Ids are the four bytes of the wire format and fit a JavaScript integer.
 */
const versionSchema = z.object({
  subject: z.string(),
  version: z.number().int(),
  id: z.number().int(),
  schemaType: z.string().default('AVRO'),
  schema: z.string(),
  references: z
    .array(referenceSchema)
    .nullish()
    .transform((value) => value ?? []),
  metadata: z.record(z.string(), z.unknown()).nullish(),
  ruleSet: z.record(z.string(), z.unknown()).nullish(),
})
export type ConfluentVersion = z.infer<typeof versionSchema>

const byIdSchema = z.object({ schema: z.string(), schemaType: z.string().default('AVRO') })
const configSchema = z.looseObject({ compatibilityLevel: z.string().optional() })
const modeSchema = z.object({ mode: z.string() })
const namesSchema = z.array(z.string())
const numbersSchema = z.array(z.number().int())

/** Confluent caps a page of `/schemas` at 1000 whatever `limit` says; offset paging is complete (7.6, 8.3). */
const pageSize = 1000

export interface Registration {
  schema: string
  schemaType: string
  references: SchemaReference[]
  metadata?: Record<string, unknown> | undefined
  ruleSet?: Record<string, unknown> | undefined
  id?: number
  version?: number
}

/**
 * The Confluent-compatible REST API, one method a request, no policy. Every method throws what `HttpClient.request` throws;
 * 404 means "not there" and is given as undefined or as an empty list.
 */
export type ConfluentApi = ReturnType<typeof confluentApi>

export function confluentApi(http: HttpClient) {
  const enc = encodeURIComponent
  const ask = async <T>(schema: z.ZodType<T>, path: string, notFound: T): Promise<T> => {
    const answer = await http.request('GET', path, { allow: [404] })
    return answer.status === 404 ? notFound : parsed(schema, answer, path)
  }

  /** All pages of a list, by offset. A server that ignores `offset` answers the same page again: that ends the list too. */
  const pages = async <T>(schema: z.ZodType<T[]>, path: string, key: (item: T) => string): Promise<T[] | undefined> => {
    const found = new Map<string, T>()
    for (let offset = 0; ; offset += pageSize) {
      const answer = await http.request('GET', `${path}${path.includes('?') ? '&' : '?'}offset=${offset}&limit=${pageSize}`, { allow: [404, 405] })
      if (answer.status !== 200) return undefined
      const page = parsed(schema, answer, path)
      const before = found.size
      for (const item of page) found.set(key(item), item)
      if (page.length < pageSize || found.size === before) return [...found.values()]
    }
  }

  return {
    http,
    /** Names of the contexts, `.` first; only `.` where the server knows none. */
    async contexts(): Promise<string[]> {
      const names = await ask(namesSchema, '/contexts', ['.'])
      return [...new Set(['.', ...names.map((name) => name.replace(/^:(.*):$/, '$1'))])]
    },
    /** Subjects of all contexts. */
    async subjects(options: { deleted?: boolean } = {}): Promise<string[]> {
      return (await pages(namesSchema, `/subjects${options.deleted ? '?deleted=true' : ''}`, (name) => name)) ?? []
    },
    /** Every version of every context; undefined where the server lacks the list, or lists without ids (Apicurio). */
    async schemas(options: { deleted?: boolean } = {}): Promise<ConfluentVersion[] | undefined> {
      const path = `/schemas?subjectPrefix=:*:${options.deleted ? '&deleted=true' : ''}`
      const list = await pages(z.array(versionSchema), path, (item) => `${item.subject}\n${item.version}`)
      return list
    },
    async versions(subject: string, options: { deleted?: boolean } = {}): Promise<number[]> {
      return await ask(numbersSchema, `/subjects/${enc(subject)}/versions${options.deleted ? '?deleted=true' : ''}`, [])
    },
    async version(subject: string, version: number, options: { deleted?: boolean } = {}): Promise<ConfluentVersion | undefined> {
      return await ask(versionSchema.optional(), `/subjects/${enc(subject)}/versions/${version}${options.deleted ? '?deleted=true' : ''}`, undefined)
    },
    /** What a consumer gets for an id; `subject` names the context to look in when it is not the default one. */
    async byId(id: number, subject?: string): Promise<{ schema: string; schemaType: string } | undefined> {
      return await ask(byIdSchema.optional(), `/schemas/ids/${id}${subject === undefined ? '' : `?subject=${enc(subject)}`}`, undefined)
    },
    /** The configuration set on a subject, a context (`:.ctx:`) or, without argument, globally; undefined where none is set. */
    async config(subject?: string): Promise<Record<string, unknown> | undefined> {
      return await ask(configSchema.optional(), `/config${subject === undefined ? '' : `/${enc(subject)}`}`, undefined)
    },
    /** GET names it `compatibilityLevel`, PUT wants `compatibility`. */
    async setConfig(config: Record<string, unknown>, subject?: string): Promise<void> {
      const { compatibilityLevel, ...others } = config
      const json = { ...others, ...(compatibilityLevel === undefined ? {} : { compatibility: compatibilityLevel }) }
      await http.request('PUT', `/config${subject === undefined ? '' : `/${enc(subject)}`}`, { json })
    },
    async deleteConfig(subject?: string): Promise<void> {
      await http.request('DELETE', `/config${subject === undefined ? '' : `/${enc(subject)}`}`, { allow: [404] })
    },
    async mode(subject?: string): Promise<string | undefined> {
      return (await ask(modeSchema.optional(), `/mode${subject === undefined ? '' : `/${enc(subject)}`}`, undefined))?.mode
    },
    async setMode(mode: string, subject?: string, options: { force?: boolean } = {}): Promise<void> {
      await http.request('PUT', `/mode${subject === undefined ? '' : `/${enc(subject)}`}${options.force ? '?force=true' : ''}`, { json: { mode } })
    },
    async deleteMode(subject: string): Promise<void> {
      await http.request('DELETE', `/mode/${enc(subject)}`, { allow: [404] })
    },
    /** Registers and gives the id that the server answered. */
    async register(subject: string, registration: Registration): Promise<number> {
      const { schemaType, references, metadata, ruleSet, ...rest } = registration
      const json = {
        ...rest,
        ...(schemaType === 'AVRO' ? {} : { schemaType }),
        ...(references.length === 0 ? {} : { references }),
        ...(metadata ? { metadata } : {}),
        ...(ruleSet ? { ruleSet } : {}),
      }
      const path = `/subjects/${enc(subject)}/versions`
      const answer = await http.request('POST', path, { json })
      return parsed(z.object({ id: z.number().int() }), answer, path).id
    },
    async deleteVersion(subject: string, version: number, options: { permanent?: boolean } = {}): Promise<void> {
      await http.request('DELETE', `/subjects/${enc(subject)}/versions/${version}${options.permanent ? '?permanent=true' : ''}`, { allow: [404] })
    },
    async deleteSubject(subject: string, options: { permanent?: boolean } = {}): Promise<void> {
      await http.request('DELETE', `/subjects/${enc(subject)}${options.permanent ? '?permanent=true' : ''}`, { allow: [404] })
    },
  }
}

function parsed<T>(schema: z.ZodType<T>, answer: HttpAnswer, path: string): T {
  const result = schema.safeParse(answer.json())
  if (result.success) return result.data
  const issue = result.error.issues[0]
  throw new DatapipeError(
    'server-refused',
    `the registry answered ${path} in an unknown form: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`,
  )
}
