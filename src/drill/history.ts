import { createReadStream, createWriteStream } from 'node:fs'
import { rename } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

/**
 * Saves evidence before it is judged, as JSON lines: `{"key":K,"value":V}` for each entry, a list as `{"key":K,"list":true}` and then a line
 * `{"key":K,"item":I}` an element, so that no line holds all records of all topics. Whole or not at all. Values are plain JSON; undefined entries are left out.
 */
export async function saveEvidence(path: string, evidence: object): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`
  await pipeline(Readable.from(linesOf(evidence)), createWriteStream(temporary, { flush: true }))
  await rename(temporary, path)
}

function* linesOf(evidence: object): Generator<string> {
  for (const [key, value] of Object.entries(evidence)) {
    if (Array.isArray(value)) {
      yield `${JSON.stringify({ key, list: true })}\n`
      for (const item of value) yield `${JSON.stringify({ key, item })}\n`
    } else if (value !== undefined) yield `${JSON.stringify({ key, value })}\n`
  }
}

/** What `saveEvidence` saved, for the checkers to look at again. The caller knows its shape, or parses it. */
export async function loadEvidence(path: string): Promise<Record<string, unknown>> {
  const evidence: Record<string, unknown> = {}
  for await (const line of createInterface({ input: createReadStream(path, 'utf8'), crlfDelay: Number.POSITIVE_INFINITY })) {
    const { key, list, value, item } = JSON.parse(line) as { key: string; list?: true; value?: unknown; item?: unknown }
    if (list) evidence[key] = []
    else if (item !== undefined) (evidence[key] as unknown[]).push(item)
    else evidence[key] = value
  }
  return evidence
}
