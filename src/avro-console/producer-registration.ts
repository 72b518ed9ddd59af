import { canonicalSchema, wholeSchema } from '../avro/canonical-schema.ts'
import { parseSchema } from '../avro/schema.ts'
import type { ProducerSchema } from './producer-schema.ts'
import { fieldsBeyond, isReadableBy } from './producer-compatibility.ts'
import { booleanSetting, integerSetting, isTrue } from './properties.ts'
import { type RegistryHttp, RegistryUnreachable, registryFailure } from './registry-http.ts'
import { latestSchema, type RegisteredSchema, referencedTexts, schemaById } from './registry-schemas.ts'
import { ToolFailure, unsupportedSetting } from './tool-failure.ts'

/** Which id goes in front of a value, by the settings of KafkaAvroSerializer. */
export type Registration =
  | { kind: 'register'; normalize: boolean }
  | { kind: 'lookUp'; normalize: boolean }
  | { kind: 'id'; id: number; strict: boolean }
  | { kind: 'latest'; strict: boolean }

const serialization = 'org.apache.kafka.common.errors.SerializationException'

/** Reads the serializer's properties; `auto.register` is the old name of `auto.register.schemas`. What would change the bytes and is not built is an error. */
export function registration(properties: ReadonlyMap<string, string>): Registration {
  for (const name of ['use.latest.with.metadata', 'latest.with.metadata', 'schema.format']) {
    const value = properties.get(name)
    if (value) throw unsupportedSetting(name, value)
  }
  for (const name of ['schema.reflection', 'avro.reflection.allow.null', 'avro.remove.java.properties', 'propagate.schema.tags']) {
    if (isTrue(properties.get(name))) throw unsupportedSetting(name, 'true')
  }
  const normalize = booleanSetting(properties, 'normalize.schemas', false)
  const old = properties.get('auto.register')
  const auto = booleanSetting(properties, 'auto.register.schemas', old === undefined || isTrue(old))
  if (auto) return { kind: 'register', normalize }
  const id = integerSetting(properties, 'use.schema.id', -1)
  if (id >= 0) return { kind: 'id', id, strict: booleanSetting(properties, 'id.compatibility.strict', true) }
  if (booleanSetting(properties, 'use.latest.version', false)) {
    return { kind: 'latest', strict: booleanSetting(properties, 'latest.compatibility.strict', true) }
  }
  return { kind: 'lookUp', normalize }
}

/** Asks the registry for the id, once per subject. Throws ToolFailure with the Java serializer's words. */
export async function schemaId(http: RegistryHttp, how: Registration, subject: string, own: ProducerSchema): Promise<number> {
  const path = `/subjects/${encodeURIComponent(subject)}`
  const body = own.references.length > 0 ? { references: own.references, schema: own.text } : { schema: own.text }
  switch (how.kind) {
    case 'register': {
      const answer = await asking('Error registering Avro schema', own, http.request('POST', `${path}/versions?normalize=${how.normalize}`, body))
      return idIn(answer)
    }
    case 'lookUp': {
      const query = `normalize=${how.normalize}&deleted=false`
      return idIn(await asking('Error retrieving Avro schema', own, http.request('POST', `${path}?${query}`, body)))
    }
    case 'id': {
      const found = await asking('Error retrieving schema ID', own, schemaById(http, how.id, subject))
      await checkWriter(http, found, own, how.strict ? 'id.compatibility.strict' : undefined)
      return how.id
    }
    case 'latest': {
      const found = await asking('Error retrieving latest version of Avro schema', own, latestSchema(http, subject))
      await checkWriter(http, found, own, how.strict ? 'latest.compatibility.strict' : undefined)
      return idIn(found)
    }
  }
}

async function asking<T>(heading: string, own: ProducerSchema, request: Promise<T>): Promise<T> {
  try {
    return await request
  } catch (error) {
    throw registryFailure(error, error instanceof RegistryUnreachable ? 'Error serializing Avro message' : `${heading}${own.text}`)
  }
}

function idIn(answer: unknown): number {
  const id = (answer as { id?: unknown } | null | undefined)?.id
  if (typeof id === 'number') return id
  throw new ToolFailure('registry', { type: serialization, message: 'the registry answered without an id' })
}

/**
 * Java writes the value, read with the given schema, with the one from the registry: field by field, by place. That is the same bytes where the
 * two have the same shape; more fields fail in Java, and anything else is refused here, because it would put values into wrong fields.
 */
async function checkWriter(http: RegistryHttp, found: RegisteredSchema, own: ProducerSchema, strict: string | undefined): Promise<void> {
  const referenced = await referencedTexts(http, found.references)
  const whole = wholeSchema(found.schema, referenced)
  if (whole === own.whole) return
  const writer = parseSchema(whole)
  const failed = (type: string, message: string, hint?: string) =>
    new ToolFailure(
      'record',
      [
        { type: serialization, message: 'Error serializing Avro message' },
        { type, message },
      ],
      hint === undefined ? {} : { hint },
    )
  if (strict !== undefined && !isReadableBy(own.schema, writer)) {
    const refs = `[${found.references.map(({ name, subject, version }) => `{name='${name}', subject='${subject}', version=${version}}`).join(', ')}]`
    const text = canonicalSchema(found.schema, referenced)
    const message = `Incompatible schema '${text}' with refs '${refs}' of type 'AVRO' for schema '${own.text}'. Set ${strict}=false to disable this check`
    throw failed('java.io.IOException', message)
  }
  const beyond = fieldsBeyond(own.schema, writer)
  if (beyond === 'same') return
  if (beyond === undefined) {
    const hint = 'give the schema from the registry as *.schema.id'
    throw failed('org.apache.avro.AvroRuntimeException', 'writing with a schema of another shape is not supported', hint)
  }
  throw failed('java.lang.ArrayIndexOutOfBoundsException', `Index ${beyond} out of bounds for length ${beyond}`)
}
