import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'

/** For tests: one captured run of the real producer (fixtures/avro-console/README.md). */
export interface CapturedRun {
  name: string
  tool: string
  note?: string
  args: string[]
  stdin: string | null
  stdinHex?: string
  stdinPython?: string
  files?: Record<string, string>
  partitions?: number
  topicConfig?: Record<string, string>
  schemasBefore: Record<string, CapturedSchema>
  schemas: Record<string, CapturedSchema>
  records: CapturedRecord[] | string
  recordCount?: number
  stdout: string
  stderrFirstLines: string[]
  exitCode: number
  registryRequests: CapturedRequest[]
}

interface CapturedSchema {
  subject: string
  version: number
  schema: string
  references?: unknown[]
  alsoUnder?: { subject: string; version: number }[]
}

export interface CapturedRecord {
  partition: number
  keyHex: string | null
  valueHex: string | null
  headers: [name: string, valueHex: string | null][]
}

export interface CapturedRequest {
  request: string
  body?: string
  status: number
}

/** The producer's runs, generation 7.6. */
export function capturedProducerRuns(): CapturedRun[] {
  const file = new URL('../../fixtures/avro-console/sr-7.6-kafka-3.6.json.gz', import.meta.url)
  return (JSON.parse(gunzipSync(readFileSync(file)).toString('utf8')) as CapturedRun[]).filter(({ tool }) => tool === 'producer')
}

/** What the run read from standard input. */
export function inputOf(run: CapturedRun): Buffer {
  if (run.stdinHex !== undefined) return Buffer.from(run.stdinHex, 'hex')
  if (run.stdinPython === undefined) return Buffer.from(run.stdin ?? '', 'utf8')
  const repeated = /^'(.*?)'%\('(.)'\*(\d+)\)\+'(.*)'$/.exec(run.stdinPython)
  if (repeated === null) throw new Error(`cannot compute ${run.stdinPython}`)
  const [, text = '', letter = '', count = '0', tail = ''] = repeated
  return Buffer.from(`${text.replace('%s', letter.repeat(Number(count)))}${tail}`.replaceAll('\\n', '\n'), 'utf8')
}

/** stderr without the frames of Java's stacks. */
export function wordsOf(run: CapturedRun): string[] {
  return run.stderrFirstLines.filter((line) => !line.startsWith('\t'))
}

export interface StandInRegistry extends AsyncDisposable {
  url: string
  requests: { request: string; body?: unknown }[]
}

/**
 * For tests: a registry that answers each request of a run as the captured one did, with the run's own schemas and ids; whatever else is asked
 * is a 500 that the comparison of the requests shows. `topic` stands for TOPIC. The runs with credentials know one user.
 */
export async function standInRegistry(run: CapturedRun, topic: string): Promise<StandInRegistry> {
  const requests: StandInRegistry['requests'] = []
  const fill = (text: string) => text.replaceAll('TOPIC', topic)
  const refusal = /RestClientException: (.*); error code: (\d+)$/
  const [, message = 'refused', code = '500'] =
    wordsOf(run)
      .map((line) => refusal.exec(line))
      .find((found) => found !== null) ??
    logged(run, refusal) ??
    []
  const expected = new Map(run.registryRequests.map((item) => [fill(item.request), item]))
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('end', () => {
      const request = `${incoming.method} ${incoming.url}`
      const text = Buffer.concat(chunks).toString('utf8')
      requests.push(text === '' ? { request } : { request, body: JSON.parse(text) })
      const guarded = run.args.some((arg) => arg.includes('REGISTRY_AUTH'))
      const allowed = incoming.headers.authorization === `Basic ${Buffer.from('alice:alicepw').toString('base64')}`
      const status = guarded ? (allowed ? 200 : 401) : (expected.get(request)?.status ?? 500)
      const answer =
        status === 200 ? answerTo(request) : { error_code: guarded ? 401 : Number(code), message: guarded ? 'Unauthorized' : fill(message) }
      outgoing.writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json' }).end(JSON.stringify(answer))
    })
  })
  const known = Object.entries(run.schemas).flatMap(([id, item]) =>
    [item, ...(item.alsoUnder ?? [])].map(({ subject, version }) => ({ ...item, id: Number(id), subject: fill(subject), version })),
  )
  const answerTo = (request: string): unknown => {
    const path = decodeURIComponent(request.split(' ')[1]?.split('?')[0] ?? '').split('/')
    const [, first, subject, , version] = path
    const found = known
      .filter((item) => (first === 'schemas' ? item.id === Number(path[3]) : item.subject === subject))
      .sort((a, b) => b.version - a.version)
    if (first === 'schemas') return { schema: found[0]?.schema }
    if (request.startsWith('GET')) return version === 'latest' ? found[0] : found.find((item) => item.version === Number(version))
    const sent = (requests.at(-1)?.body as { schema?: string } | undefined)?.schema
    return { id: (found.find(({ schema }) => schema === sent) ?? found[0])?.id }
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function logged(run: CapturedRun, pattern: RegExp): RegExpExecArray | null {
  for (const entry of (run as { log4j?: string[] }).log4j ?? []) {
    const found = pattern.exec(entry.split('\n')[1] ?? '')
    if (found !== null) return found
  }
  return null
}
