import { compileJsonReader, type JsonReader } from '../../avro/read-json.ts'
import { JsonReadFailure } from '../../avro/read-json-failure.ts'
import { newSink } from '../../avro/read-json-sink.ts'
import { DatapipeError } from '../../base/errors.ts'
import type { ConfluentApi, ConfluentVersion } from '../../clients/registry/confluent-api.ts'
import type { ExportAbout, ExportedSchema } from '../export/about.ts'
import { parseWhole } from '../export/stored-schemas.ts'

/** Turns JSON into framed Avro under one schema of the live registry. */
export interface Encoder {
  id: number
  /** Throws `usage` with the place when the text is no value of the schema. */
  encode(json: string, place: string): Buffer
}

/**
 * Encoders by id for one side of a file. An id must stand in the live registry, for the same schema that the export has under it: otherwise every consumer would read
 * something else (`ids-would-change`).
 */
export class WriterSchemas {
  readonly #registry: ConfluentApi
  readonly #exported: Map<number, ExportedSchema>
  readonly #made = new Map<number, Promise<Encoder>>()

  constructor(registry: ConfluentApi, about: ExportAbout | undefined) {
    this.#registry = registry
    this.#exported = new Map([...(about?.schemas.key ?? []), ...(about?.schemas.value ?? [])].map((schema) => [schema.id, schema]))
  }

  /** The schema that every line without an id is of: `ID`, `SUBJECT:VERSION`, or the only one that the export names for the side. */
  async chosen(side: 'key' | 'value', typed: string | undefined, about: ExportAbout | undefined, file: string): Promise<Encoder> {
    if (typed === undefined) {
      const named = about?.schemas[side] ?? []
      const [only] = named
      if (only !== undefined && named.length === 1) return this.byId(only.id)
      const why = named.length === 0 ? 'nothing says which' : `its records are of ${named.length} schemas: ${named.map(({ id }) => id).join(', ')}`
      throw new DatapipeError('usage', `the ${side}s of ${file} carry no schema id, and ${why}`, {
        path: file,
        hint: `name it: --${side}-schema ID or --${side}-schema SUBJECT:VERSION; export --columns ids carries them`,
      })
    }
    if (/^\d+$/.test(typed)) return this.byId(Number(typed))
    const [, subject, version] = /^(.+):(\d+)$/s.exec(typed) ?? []
    if (subject === undefined || version === undefined)
      throw new DatapipeError('usage', `--${side}-schema ${typed} is neither an id nor SUBJECT:VERSION`, { path: typed })
    const found = await this.#registry.version(subject, Number(version))
    if (found === undefined) throw new DatapipeError('not-supported', `the registry has no version ${version} of ${subject}`, { path: typed })
    return encoderOf(found.id, found.schemaType, found.schema, await this.#referenced(found))
  }

  byId(id: number): Promise<Encoder> {
    const known = this.#made.get(id) ?? this.#make(id)
    this.#made.set(id, known)
    return known
  }

  async #make(id: number): Promise<Encoder> {
    const live = await this.#registry.byId(id)
    const exported = this.#exported.get(id)
    if (live === undefined)
      throw new DatapipeError('ids-would-change', `the registry has no schema ${id}`, {
        path: String(id),
        hint: 'restore the registry first (datapipe restore BACKUP --only registry), or choose a schema of its own with --value-schema and --key-schema',
      })
    if (exported !== undefined && !sameJson(exported.schema, live.schema))
      throw new DatapipeError('ids-would-change', `schema ${id} is another one in the registry than in the export`, {
        path: String(id),
        hint: 'restore the registry first (datapipe restore BACKUP --only registry), or choose a schema of its own with --value-schema and --key-schema',
      })
    return encoderOf(id, live.schemaType, live.schema, exported?.referenced ?? [])
  }

  /** Depth first: what a schema refers to is parsed before it. */
  async #referenced({ references }: ConfluentVersion): Promise<string[]> {
    const texts: string[] = []
    for (const { subject, version } of references) {
      const found = await this.#registry.version(subject, version, { deleted: true })
      if (found === undefined) throw new DatapipeError('not-supported', `the registry has no version ${version} of ${subject}`, { path: subject })
      for (const text of [...(await this.#referenced(found)), found.schema]) if (!texts.includes(text)) texts.push(text)
    }
    return texts
  }
}

/** Compiles a schema, after those that it refers to. Throws `not-supported` where it is no Avro. */
export function encoderOf(id: number, type: string, schema: string, referenced: string[]): Encoder {
  if (type !== 'AVRO') throw new DatapipeError('not-supported', `schema ${id} is ${type}, not Avro`, { path: String(id) })
  const read: JsonReader = compileJsonReader(parseWhole(schema, referenced, `schema ${id}`))
  return {
    id,
    encode(json, place) {
      const sink = newSink()
      try {
        read(json, sink)
      } catch (cause) {
        if (!(cause instanceof JsonReadFailure)) throw cause
        throw new DatapipeError('usage', `${place} is no value of schema ${id}`, { path: place, cause })
      }
      const framed = Buffer.alloc(5 + sink.at)
      framed.writeUInt32BE(id, 1)
      sink.bytes.copy(framed, 5, 0, sink.at)
      return framed
    },
  }
}

function sameJson(a: string, b: string): boolean {
  return a === b || JSON.stringify(JSON.parse(a)) === JSON.stringify(JSON.parse(b))
}
