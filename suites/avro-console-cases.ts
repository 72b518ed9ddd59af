import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'

/** One run of the real consumer (fixtures/avro-console/README.md). */
export interface ConsumerCase {
  name: string
  tool: string
  args: string[]
  preRunArgs?: string[][]
  files?: Record<string, string>
  partitions?: number
  topicConfig?: Record<string, string>
  schemas: Record<string, { subject: string; version: number; schemaType: string; schema: string; references?: unknown[] }>
  records: CaseRecord[]
  stdout: string
  stderrFirstLines: string[]
  log4j: string[]
  exitCode: number
  registryRequests: SeenRequest[]
}

export interface CaseRecord {
  partition: number
  offset: number
  timestamp: number
  keyHex: string | null
  valueHex: string | null
  headers: [string, string | null][]
}

export interface SeenRequest {
  request: string
  status: number
  body?: string
  authorization?: string
}

/** Every captured run of the consumer of 7.6. */
export function consumerCases(): ConsumerCase[] {
  const file = new URL('../fixtures/avro-console/sr-7.6-kafka-3.6.json.gz', import.meta.url)
  return (JSON.parse(gunzipSync(readFileSync(file)).toString('utf8')) as ConsumerCase[]).filter(({ tool }) => tool === 'consumer')
}

/** A registry for one run: the schemas of its case under their captured ids, every request noted. Placeholders are filled by `fill`. */
export async function standInRegistry(run: ConsumerCase, fill: (text: string) => string) {
  const requests: SeenRequest[] = []
  const open = await listen((request, body) => {
    const found = answerTo(run, fill, request.method ?? '', request.url ?? '')
    const { authorization } = request.headers
    requests.push({
      request: `${request.method} ${request.url}`,
      ...(body === '' ? {} : { body }),
      ...(authorization === undefined ? {} : { authorization }),
      status: found.status,
    })
    return found
  })
  const guarded = await listen((request) => {
    const user = Buffer.from(request.headers.authorization?.replace(/^Basic /, '') ?? '', 'base64').toString('utf8')
    if (user === 'bob:bobpw') return { status: 403, body: { error_code: 403, message: 'Forbidden' } }
    if (user !== 'alice:alicepw') return { status: 401, body: { error_code: 401, message: 'Unauthorized' } }
    return answerTo(run, fill, request.method ?? '', request.url ?? '')
  })
  return {
    requests,
    /** `127.0.0.1:PORT` of the open one and of the one with passwords. */
    open: open.address,
    guarded: guarded.address,
    async [Symbol.asyncDispose]() {
      await Promise.all([open.close(), guarded.close()])
    },
  }
}

interface Answer {
  status: number
  body: unknown
}

async function listen(answer: (request: IncomingMessage, body: string) => Answer) {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { status, body } = answer(request, Buffer.concat(chunks).toString('utf8'))
      response.writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json' }).end(JSON.stringify(body))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections()
      return new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

function answerTo(run: ConsumerCase, fill: (text: string) => string, method: string, url: string): Answer {
  const schemas = Object.entries(run.schemas).map(([id, schema]) => ({ ...schema, id: Number(id), subject: fill(schema.subject) }))
  const [path = ''] = url.split('?')
  const [, first, second, third, fourth] = path.split('/').map(decodeURIComponent)
  const view = (schema: (typeof schemas)[number]) => ({
    schema: schema.schema,
    ...(schema.schemaType === 'AVRO' ? {} : { schemaType: schema.schemaType }),
    ...(schema.references === undefined ? {} : { references: JSON.parse(fill(JSON.stringify(schema.references))) }),
  })
  if (method === 'GET' && first === 'schemas' && second === 'ids') {
    const found = schemas.find(({ id }) => id === Number(third))
    return found === undefined
      ? { status: 404, body: { error_code: 40403, message: `Schema ${third} not found` } }
      : { status: 200, body: view(found) }
  }
  if (first === 'subjects' && second !== undefined) {
    const versions = schemas.filter(({ subject }) => subject === second).sort((a, b) => b.version - a.version)
    const found =
      method === 'POST' || fourth === 'latest'
        ? versions[method === 'POST' ? versions.length - 1 : 0]
        : versions.find(({ version }) => version === Number(fourth))
    if (found !== undefined && (method === 'POST' || third === 'versions')) {
      return { status: 200, body: { subject: second, version: found.version, id: found.id, ...view(found) } }
    }
  }
  return { status: 404, body: { error_code: 404, message: 'HTTP 404 Not Found' } }
}
