import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { exampleLedger, examplePostgres, exampleTopics } from './checkers/example-observations.ts'
import { sameRecords } from './checkers/same-records.ts'
import { loadEvidence, saveEvidence } from './history.ts'
import type { ObservedTopic } from './observers/observation.ts'

test('evidence comes back as it was saved, and is judged the same', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'evidence-'))
  try {
    const evidence = { topics: exampleTopics(), none: [], postgres: examplePostgres(), ledger: exampleLedger().ledger, cut: '0/380', nothing: null }
    await saveEvidence(join(directory, 'evidence.jsonl'), evidence)
    expect(await readdir(directory)).toEqual(['evidence.jsonl'])
    const loaded = await loadEvidence(join(directory, 'evidence.jsonl'))
    expect(loaded).toEqual(evidence)
    expect(sameRecords(exampleTopics(), loaded.topics as ObservedTopic[]).verdict).toBe('pass')
  } finally {
    await rm(directory, { recursive: true })
  }
})
