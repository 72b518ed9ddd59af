import { readFile } from 'node:fs/promises'
import { type StandIn, type StandInAnswer, standIn } from './stand-in-server.ts'

const fixtures = new URL('../../../fixtures/registry/', import.meta.url)

export type Flavour = '7.6' | '8.3'

/** What a real Confluent Schema Registry answered, path → answer. */
export async function capturedAnswers(flavour: Flavour): Promise<Map<string, StandInAnswer>> {
  const text = await readFile(new URL(`confluent-${flavour}-answers.json`, fixtures), 'utf8')
  return new Map(Object.entries(JSON.parse(text) as Record<string, StandInAnswer>))
}

/** The records of the same registry's `_schemas` topic. */
export async function capturedTopic(flavour: Flavour): Promise<{ key: string; value: string | null }[]> {
  const text = await readFile(new URL(`confluent-${flavour}-schemas-topic.jsonl`, fixtures), 'utf8')
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { key: string; value: string | null })
}

/**
 * For tests of reading: a server that repeats a real registry's answers. Added to them: pages (the real ones answered whole lists), the version,
 * and "not set" for settings of contexts, which were not captured.
 */
export async function standInCaptured(flavour: Flavour): Promise<StandIn> {
  const answers = await capturedAnswers(flavour)
  return await standIn(({ method, target, url }) => {
    if (method !== 'GET') return { status: 405 }
    if (url.pathname === '/v1/metadata/version') return { status: 200, body: { version: `${flavour}.x`, commitId: 'captured' } }
    const [offset, limit] = [Number(url.searchParams.get('offset') ?? 0), Number(url.searchParams.get('limit') ?? 1000)]
    const path = target
      .replaceAll(/&?(offset|limit)=\d+/g, '')
      .replace('?&', '?')
      .replace(/\?$/, '')
    const answer = answers.get(path)
    if (answer !== undefined) return Array.isArray(answer.body) ? { ...answer, body: answer.body.slice(offset, offset + limit) } : answer
    const byId = /^\/schemas\/ids\/(\d+)\?subject=(.+)$/.exec(path)
    if (byId) {
      const listed = answers.get('/schemas?subjectPrefix=:*:&deleted=true')?.body as { id: number; subject: string }[]
      const found = listed.find((item) => item.id === Number(byId[1]) && item.subject === decodeURIComponent(byId[2] ?? ''))
      return found === undefined ? { status: 404, body: { error_code: 40403, message: 'Schema not found' } } : { status: 200, body: found }
    }
    if (path.startsWith('/config/')) return { status: 404, body: { error_code: 40408, message: 'not configured' } }
    if (path.startsWith('/mode/')) return { status: 404, body: { error_code: 40409, message: 'not configured' } }
    return { status: 404, body: { error_code: 404, message: `HTTP 404 Not Found` } }
  })
}
