import { canonicalSchema } from './canonical.ts'
import type { Flavour } from './stand-in-captured.ts'
import { type StandIn, type StandInAnswer, type StandInRequest, standIn } from './stand-in-server.ts'
import { contextOf, resolveReference } from './subject.ts'

interface Stored {
  subject: string
  version: number
  id: number
  schemaType: string
  schema: string
  references: { name: string; subject: string; version: number }[]
  metadata?: unknown
  deleted: boolean
}
class Refusal extends Error {
  readonly answer: StandInAnswer
  constructor(status: number, code: number, message: string) {
    super(message)
    this.answer = { status, body: { error_code: code, message } }
  }
}

export interface StandInOptions {
  flavour: Flavour
  /** Accepts mode IMPORT and gives ids of its own, as Apicurio's compatible API does. */
  ignoresImport?: boolean
  /** `mode.mutability=false` */
  fixedMode?: boolean
  /** Answers the n-th POST of a version with 500. */
  failsAt?: number
}

/**
 * For tests of writing: a state machine that follows what Confluent 7.6.13 and 8.3.1 were measured to do with modes, ids, versions, references
 * and soft deletes (docs: the measured table; each rule here is one of its rows). In memory, one process, no validation of schemas.
 */
export async function standInConfluent(options: StandInOptions): Promise<StandIn & { versions: Map<string, Stored>; modes: Map<string, string> }> {
  const versions = new Map<string, Stored>()
  const configs = new Map<string, Record<string, unknown>>([['', { compatibilityLevel: 'BACKWARD' }]])
  const modes = new Map<string, string>([['', 'READWRITE']])
  const contexts = new Set(['.'])
  let posts = 0

  const all = () => [...versions.values()].sort((a, b) => (a.subject === b.subject ? a.version - b.version : a.subject < b.subject ? -1 : 1))
  const of = (subject: string, deleted: boolean) => all().filter((item) => item.subject === subject && (deleted || !item.deleted))
  const content = (item: Pick<Stored, 'schemaType' | 'schema' | 'references'>) =>
    `${item.schemaType}\n${canonicalSchema(item.schemaType, item.schema)}\n${JSON.stringify(item.references)}`
  // The global mode does not reach other contexts.
  const modeOf = (subject: string) =>
    modes.get(subject) ?? (contextOf(subject) === '.' ? modes.get('') : modes.get(`:${contextOf(subject)}:`)) ?? 'READWRITE'
  const writable = (subject: string) => {
    if (modeOf(subject).startsWith('READONLY')) throw new Refusal(422, 42205, `Subject ${subject} is in read-only mode`)
  }
  const referenced = (item: Stored) =>
    all().some((other) =>
      other.references.some((reference) => resolveReference(other.subject, reference.subject) === item.subject && reference.version === item.version),
    )
  const printed = (item: Stored) => ({
    ...(options.flavour === '8.3'
      ? { deleted: item.deleted, schemaType: item.schemaType }
      : item.schemaType === 'AVRO'
        ? {}
        : { schemaType: item.schemaType }),
    ...(item.references.length > 0 ? { references: item.references } : {}),
    ...(item.metadata === undefined ? {} : { metadata: item.metadata }),
    schema: item.schema,
  })

  const register = (subject: string, body: Record<string, unknown>): StandInAnswer => {
    if (++posts === options.failsAt) throw new Refusal(500, 50001, 'Error while registering schema')
    const item = {
      schemaType: (body.schemaType as string | undefined) ?? 'AVRO',
      schema: body.schema as string,
      references: (body.references as Stored['references'] | undefined) ?? [],
      ...(body.metadata === undefined ? {} : { metadata: body.metadata }),
    }
    const same = of(subject, false).find((other) => content(other) === content(item))
    const context = contextOf(subject)
    const inContext = all().filter((other) => contextOf(other.subject) === context)
    let id = body.id as number | undefined
    if (options.ignoresImport) id = undefined
    const mode = modeOf(subject)
    if (id === undefined) {
      if (same !== undefined) return { status: 200, body: { id: same.id } }
      writable(subject)
      if (mode === 'IMPORT' && !options.ignoresImport) throw new Refusal(422, 42205, `Subject ${subject} is not in read-write mode`)
    } else if (mode !== 'IMPORT') throw new Refusal(422, 42205, `Subject ${subject} is not in import mode`)
    for (const reference of item.references) {
      if (!versions.has(`${resolveReference(subject, reference.subject)}\n${reference.version}`))
        throw new Refusal(422, 42201, 'Invalid schema: No schema reference found')
    }
    const known = inContext.find((other) => content(other) === content(item))
    if (id !== undefined && inContext.some((other) => other.id === id && content(other) !== content(item))) {
      throw new Refusal(422, 42205, `Overwrite new schema with id ${id} is not permitted.`)
    }
    id ??= known?.id ?? Math.max(0, ...inContext.map((other) => other.id)) + 1
    const version =
      options.ignoresImport || body.version === undefined
        ? Math.max(0, ...of(subject, true).map((other) => other.version)) + 1
        : (body.version as number)
    // Content that lies soft-deleted under another version: that version is buried.
    for (const other of of(subject, true))
      if (other.deleted && other.version !== version && content(other) === content(item)) versions.delete(`${subject}\n${other.version}`)
    versions.set(`${subject}\n${version}`, { subject, version, id, ...item, deleted: false })
    contexts.add(context)
    return { status: 200, body: { id } }
  }

  const setMode = (scope: string, mode: string, force: boolean): StandInAnswer => {
    if (options.fixedMode) throw new Refusal(422, 42205, 'Mode changes are not allowed')
    if (mode === 'IMPORT' && !force) {
      const context = /^:(\.[^:]*):$/.exec(scope)?.[1]
      const inScope = all().filter((item) => scope === '' || (context === undefined ? item.subject === scope : contextOf(item.subject) === context))
      if (inScope.some((item) => !item.deleted)) throw new Refusal(422, 42205, 'Cannot import since found existing subjects')
      for (const item of inScope) versions.delete(`${item.subject}\n${item.version}`)
    }
    modes.set(scope, mode)
    return { status: 200, body: { mode } }
  }

  const remove = (subject: string, version: number, permanent: boolean): void => {
    writable(subject)
    const item = versions.get(`${subject}\n${version}`)
    if (item === undefined) throw new Refusal(404, 40402, `Version ${version} not found.`)
    if (referenced(item)) throw new Refusal(422, 42206, `One or more references exist to the schema {${subject},${version}}.`)
    if (!permanent) item.deleted = true
    else if (!item.deleted)
      throw new Refusal(404, 40407, `Subject '${subject}' Version ${version} was not deleted first before being permanently deleted`)
    else versions.delete(`${subject}\n${version}`)
  }

  const setting = (request: StandInRequest, kind: 'config' | 'mode', scope: string): StandInAnswer => {
    const map: Map<string, unknown> = kind === 'config' ? configs : modes
    const missing = () =>
      new Refusal(
        404,
        kind === 'config' ? 40408 : 40409,
        `Subject '${scope}' does not have subject-level ${kind === 'config' ? 'compatibility' : 'mode'} configured`,
      )
    if (request.method === 'GET') {
      if (!map.has(scope)) throw missing()
      return { status: 200, body: kind === 'mode' ? { mode: map.get(scope) } : map.get(scope) }
    }
    if (request.method === 'DELETE') {
      if (kind === 'mode' && scope === '') return options.flavour === '7.6' ? { status: 405 } : setMode('', 'READWRITE', true)
      if (!map.has(scope)) throw missing()
      if (scope === '') map.set('', { compatibilityLevel: 'BACKWARD' })
      else map.delete(scope)
      return { status: 200, body: {} }
    }
    if (kind === 'mode') return setMode(scope, request.body?.mode as string, request.url.searchParams.get('force') === 'true')
    writable(scope)
    const { compatibility, ...others } = request.body ?? {}
    configs.set(scope, { ...configs.get(scope), ...others, ...(compatibility === undefined ? {} : { compatibilityLevel: compatibility }) })
    return { status: 200, body: request.body }
  }

  const route = (request: StandInRequest): StandInAnswer => {
    const { method, url, body } = request
    const [first, subject = '', third, number] = url.pathname.split('/').slice(1).map(decodeURIComponent)
    const query = url.searchParams
    const [deleted, deletedOnly] = [query.get('deleted') === 'true', query.get('deletedOnly') === 'true']
    const page = <T>(list: T[]) => list.slice(Number(query.get('offset') ?? 0)).slice(0, Math.min(1000, Number(query.get('limit') ?? 1000)))
    const ok = (value: unknown): StandInAnswer => ({ status: 200, body: value })
    const absent = new Refusal(404, 40401, `Subject '${subject}' not found.`)
    if (url.pathname === '/v1/metadata/version') return ok({ version: `${options.flavour}.x`, commitId: 'stand-in' })
    if (first === 'config' || first === 'mode') return setting(request, first, subject)
    if (first === 'contexts') return ok([...contexts].sort())
    if (first === 'schemas' && subject === 'ids') {
      const context = contextOf(query.get('subject') ?? '')
      const candidates = all().filter((item) => item.id === Number(third) && contextOf(item.subject) === context)
      const found = candidates.find((item) => !item.deleted) ?? candidates[0]
      if (found === undefined) throw new Refusal(404, 40403, `Schema ${third} not found`)
      return ok({ ...printed(found), ...(options.flavour === '8.3' ? { subject: found.subject, version: found.version } : {}) })
    }
    if (first === 'schemas')
      return ok(
        page(all().filter((item) => deleted || !item.deleted)).map((item) => ({
          subject: item.subject,
          version: item.version,
          id: item.id,
          ...printed(item),
        })),
      )
    if (first !== 'subjects') throw new Refusal(404, 404, 'HTTP 404 Not Found')
    if (subject === '') {
      const live = new Set(
        all()
          .filter((item) => !item.deleted)
          .map((item) => item.subject),
      )
      const names = [...new Set(all().map((item) => item.subject))]
      return ok(page(names.filter((name) => (deletedOnly ? !live.has(name) : deleted || live.has(name)))))
    }
    if (method === 'POST') return register(subject, body ?? {})
    if (number !== undefined) {
      if (method === 'DELETE') {
        remove(subject, Number(number), query.get('permanent') === 'true')
        return ok(Number(number))
      }
      const found = of(subject, deleted).find((item) => item.version === Number(number))
      if (found === undefined) throw of(subject, deleted).length === 0 ? absent : new Refusal(404, 40402, `Version ${number} not found.`)
      return ok({ subject, version: found.version, id: found.id, ...printed(found) })
    }
    const list = of(subject, deleted || method === 'DELETE')
    if (list.length === 0) throw absent
    if (method === 'DELETE') {
      for (const item of list.toReversed()) remove(subject, item.version, query.get('permanent') === 'true')
      configs.delete(subject)
      modes.delete(subject)
    }
    return ok(list.map((item) => item.version))
  }

  const server = await standIn((request) => {
    try {
      return route(request)
    } catch (error) {
      if (error instanceof Refusal) return error.answer
      throw error
    }
  })
  return Object.assign(server, { versions, modes })
}
