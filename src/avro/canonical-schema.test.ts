import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { canonicalSchema, wholeSchema } from './canonical-schema.ts'
import { JsonReadFailure } from './read-json-failure.ts'
import { AvroSchemaError, parseSchema } from './schema.ts'

/** What Schema.Parser of Avro 1.11.5 made of each text, after the texts that it refers to, and Schema.toString of that. */
interface Captured {
  schema: string
  refs?: string[]
  canonical?: string
  error?: string
}

const captured = readFileSync(new URL('../../fixtures/avro-json/schemas-1.11.5.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Captured)

function canonicalOrError({ schema, refs = [] }: Captured): { canonical?: string; error?: string } {
  try {
    const canonical = canonicalSchema(schema, refs)
    parseSchema(wholeSchema(schema, refs))
    return { canonical }
  } catch (error) {
    if (!(error instanceof AvroSchemaError) && !(error instanceof JsonReadFailure)) throw error
    return { error: error.message }
  }
}

test.each(captured)('is written, or refused, as in Java: $schema', (item) => {
  const found = canonicalOrError(item)
  if (item.canonical === undefined) expect(found).toEqual({ error: expect.any(String) })
  else expect(found).toEqual({ canonical: item.canonical })
})

test('a schema with its references written out is a schema of its own', () => {
  const address = '{"type":"record","name":"Addr","namespace":"r","fields":[{"name":"c","type":"string"}]}'
  const person = '{"type":"record","name":"P","namespace":"p","fields":[{"name":"a","type":"r.Addr"},{"name":"b","type":["null","r.Addr"]}]}'
  expect(wholeSchema(person, [address])).toBe(
    `{"type":"record","name":"P","namespace":"p","fields":[{"name":"a","type":${address}},{"name":"b","type":["null","r.Addr"]}]}`,
  )
})
