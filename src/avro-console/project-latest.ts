import type { Printer } from '../avro/compile-printer.ts'
import { compileProjection } from '../avro/compile-projection.ts'
import type { AvroSchema } from '../avro/schema.ts'
import type { RegistryHttp } from './registry-http.ts'
import { latestSchema, parseRegistered, type RegisteredSchema } from './registry-schemas.ts'
import { unsupportedSetting } from './tool-failure.ts'

/**
 * `use.latest.version`: values are printed as the latest version of their subject sees them. The latest version is asked for once per subject, and
 * the registry is asked whether it knows the writer's schema under that subject, as the Java client asks for its rules.
 */
export function projectToLatest(http: RegistryHttp, subject: string): (writer: AvroSchema, registered: RegisteredSchema) => Promise<Printer> {
  if (subject === '') throw unsupportedSetting('use.latest.version', 'true', 'together with a subject name strategy by record name')
  let latest: Promise<AvroSchema> | undefined
  return async (writer, registered) => {
    latest ??= latestSchema(http, subject).then((found) => parseRegistered(http, found))
    const reader = await latest
    const references = registered.references.length === 0 ? {} : { references: registered.references }
    const body = { schema: registered.schema, ...references }
    await http.request('POST', `/subjects/${encodeURIComponent(subject)}?normalize=false&deleted=true`, body)
    if (writer.type !== 'record' || reader.type !== 'record')
      throw unsupportedSetting('use.latest.version', 'true', 'with values that are not records')
    return compileProjection(writer, reader)
  }
}
