import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { compileJsonReader } from './read-json.ts'
import { JsonReadFailure } from './read-json-failure.ts'
import { newSink } from './read-json-sink.ts'
import { type AvroSchema, parseSchema } from './schema.ts'

/** What Avro 1.11.5 with Jackson 2.18.6 made of each text, for one schema: GenericDatumReader over JsonDecoder, then GenericDatumWriter. */
interface Captured {
  schema: string
  lines: [text: string, answer: { hex?: string | null; error?: string }][]
}

const captured = readFileSync(new URL('../../fixtures/avro-json/json-decoder-1.11.5.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Captured)

function answerOf(schema: AvroSchema, text: string): { hex?: string | null; error?: string } {
  const sink = newSink(4)
  try {
    return { hex: compileJsonReader(schema)(text, sink) ? sink.bytes.subarray(0, sink.at).toString('hex') : null }
  } catch (error) {
    if (!(error instanceof JsonReadFailure)) throw error
    return { error: error.words === undefined ? error.type : `${error.type}: ${error.words}` }
  }
}

/** Top-level bytes are written without a length by Confluent's serializer, with one by Avro's writer; NullPointerExceptions describe Java code. */
function asWritten(schema: AvroSchema, answer: { hex?: string | null; error?: string }): { hex?: string | null; error?: string } {
  if (answer.error?.startsWith('java.lang.NullPointerException')) return { error: 'java.lang.NullPointerException' }
  if (schema.type !== 'bytes' || !answer.hex) return answer
  const bytes = Buffer.from(answer.hex, 'hex')
  return { hex: bytes.subarray(bytes.findIndex((byte) => byte < 0x80) + 1).toString('hex') }
}

test('every captured text gives the same bytes or the same error as in Java', () => {
  let compared = 0
  for (const { schema: text, lines } of captured) {
    const schema = parseSchema(text)
    for (const [line, answer] of lines) {
      expect({ text, line, ...answerOf(schema, line) }).toEqual({ text, line, ...asWritten(schema, answer) })
      compared++
    }
  }
  expect(compared).toBeGreaterThan(2000)
})

test('a text that Avro would look through for ever is an error', () => {
  const schema = parseSchema(
    '{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"record","name":"A","fields":[]}},{"name":"b","type":"int"}]}',
  )
  expect(answerOf(schema, '{"b":1,"a":{}')).toEqual({
    error: expect.stringContaining('JsonEOFException: Unexpected end-of-input: expected close marker'),
  })
})

test('a reader forgets a line that failed', () => {
  const read = compileJsonReader(parseSchema('{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":"int"}]}'))
  const sink = newSink()
  expect(() => read('{"b":1,"a":', sink)).toThrow()
  sink.at = 0
  expect(read('{"b":1,"a":2}', sink)).toBe(true)
  expect(sink.bytes.subarray(0, sink.at).toString('hex')).toBe('0402')
})
