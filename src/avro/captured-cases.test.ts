import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { AvroDataError } from './avro-data-error.ts'
import { JsonSink } from './json-sink.ts'
import { compileTopLevel } from './print-top-level.ts'
import { type AvroSchema, parseSchema } from './schema.ts'

/** The values of every captured run of the real consumer, printed here and compared with what it printed. */
interface Case {
  name: string
  tool: string
  args: string[]
  schemas: Record<string, { subject: string; schemaType: string; schema: string; references?: { subject: string }[] }>
  records: { valueHex: string | null }[] | string
  stdout: string
  log4j: string[]
  exitCode: number
}

const file = join(import.meta.dirname, '../../fixtures/avro-console/sr-7.6-kafka-3.6.json.gz')
const cases = (JSON.parse(gunzipSync(readFileSync(file)).toString('utf8')) as Case[]).filter(
  ({ tool, name }) => tool === 'consumer' && !/jdk25/.test(name),
)

/** Runs that print values and nothing else. */
const printing = cases.filter(
  ({ args, exitCode, stdout, records, name }) =>
    exitCode === 0 &&
    stdout !== '' &&
    typeof records !== 'string' &&
    !args.some((word) => /^(print\.|line\.sep|use\.latest|--partition|--skip|--formatter|--isolation|--enable)/.test(word)) &&
    !/isolation|stock-log4j|group|partition|bool-|property|with-equals|version$/.test(name),
)

function parsed({ schemas }: Case, id: number): AvroSchema {
  const known = new Map<string, AvroSchema>()
  const add = (references: { subject: string }[] = []) => {
    for (const { subject } of references) {
      const found = Object.values(schemas).find((schema) => schema.subject === subject)
      add(found?.references)
      parseSchema(found?.schema ?? '', known)
    }
  }
  const schema = schemas[id]
  add(schema?.references)
  return parseSchema(schema?.schema ?? '', known)
}

function printed(run: Case, valueHex: string | null): string {
  if (valueHex === null) return 'null'
  const bytes = Buffer.from(valueHex, 'hex')
  const print = compileTopLevel(parsed(run, bytes.readInt32BE(1)), {
    lossy: true,
    logicalTypes: run.args.includes('avro.use.logical.type.converters=true'),
  })
  const sink = new JsonSink(16)
  print({ bytes, at: 5, end: bytes.length }, sink)
  return sink.bytes.toString('utf8', 0, sink.at)
}

test('enough captured runs print values alone', () => {
  expect(printing.length).toBeGreaterThan(90)
})

test.each(printing.map((run) => [run.name, run] as const))('%s', (_, run) => {
  const lines = run.stdout.split('\n').slice(0, -1)
  const values = (run.records as { valueHex: string | null }[]).slice(0, lines.length)
  expect(values.map(({ valueHex }) => printed(run, valueHex))).toEqual(lines)
})

const failing = cases.filter(({ name, exitCode, log4j, records }) => {
  return (
    exitCode === 1 &&
    /bad-bytes|type\//.test(name) &&
    typeof records !== 'string' &&
    log4j.some((line) => line.includes('UEWRC') || line.startsWith('ERROR'))
  )
})

describe('values that the real tool cannot print', () => {
  test.each(failing.filter(({ records }) => (records[0] as { valueHex: string })?.valueHex?.length >= 10).map((run) => [run.name, run] as const))(
    '%s',
    (_, run) => {
      const magic = (run.records as { valueHex: string }[]).filter(({ valueHex }) => !valueHex.startsWith('00'))
      if (magic.length > 0) return
      const thrown = (run.records as { valueHex: string }[]).flatMap(({ valueHex }) => {
        try {
          printed(run, valueHex)
          return []
        } catch (error) {
          if (!(error instanceof AvroDataError)) throw error
          return [error.thrown]
        }
      })
      const said = run.log4j.find((line) => line.startsWith('ERROR')) ?? ''
      const classes = [...said.matchAll(/^(?:Caused by: )?([\w.$]+(?:Exception|Error))/gm)].map(([, name]) => name)
      expect(classes).toContain(thrown[0])
    },
  )
})
