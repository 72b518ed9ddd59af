import { createReadStream, createWriteStream } from 'node:fs'
import { rename } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { DatapipeError } from '../base/errors.ts'
import type { DrillEvidence } from './judge.ts'

/**
 * Saves evidence before it is judged, as JSON lines: `{"key":K,"value":V}` for each entry, a list as `{"key":K,"list":true}` and then a line
 * `{"key":K,"item":I}` an element, so that no line holds all records of all topics. Whole or not at all. Values are plain JSON; undefined entries are left out.
 */
export async function saveEvidence(path: string, evidence: object): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`
  await pipeline(Readable.from(linesOf(evidence)), createWriteStream(temporary, { flush: true }))
  await rename(temporary, path)
}

/** A drill's evidence, the observations' parts under keys of their own (`before.topics`), so that the file's lines stay of a bearable length. */
export async function saveEpisode(path: string, evidence: DrillEvidence): Promise<void> {
  const parts = (name: 'before' | 'after') => Object.entries(evidence[name]).map(([key, value]) => [`${name}.${key}`, value] as const)
  await saveEvidence(path, { ...evidence, before: undefined, after: undefined, ...Object.fromEntries([...parts('before'), ...parts('after')]) })
}

/** What `saveEpisode` saved. Throws `usage` for a file that is not there, or is of an earlier version. */
export async function loadEpisode(path: string): Promise<DrillEvidence> {
  const flat = await loadEvidence(path).catch((cause: unknown) => {
    throw new DatapipeError('usage', 'the evidence cannot be read', { path, hint: 'name the directory of a run: reports/runs/DRILL/START', cause })
  })
  const part = (name: string) =>
    Object.fromEntries(Object.entries(flat).flatMap(([key, value]) => (key.startsWith(`${name}.`) ? [[key.slice(name.length + 1), value]] : [])))
  const rest = Object.fromEntries(Object.entries(flat).filter(([key]) => !/^(before|after)\./.test(key)))
  if (rest.facts === undefined) throw new DatapipeError('usage', 'the evidence is of an earlier version, which cannot be judged again', { path })
  return { ...rest, before: part('before'), after: part('after') } as unknown as DrillEvidence
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
