import { WireWriter } from '../../kafka-wire/wire-bytes.ts'
import type { KafkaRequest } from './kafka-request.ts'

interface Refusable {
  errorCode: number
  errorMessage: string | null
}

/** Numbers are those of Kafka's enumerations. */
export interface WireAcl {
  resourceType: number
  resourceName: string
  patternType: number
  principal: string
  host: string
  operation: number
  permission: number
}

const any = 1

/*
  DescribeAcls Request v2, v3 => resource_type INT8, resource_name COMPACT_STRING?, pattern_type INT8, principal COMPACT_STRING?,
    host COMPACT_STRING?, operation INT8, permission_type INT8, TAGS
  DescribeAcls Response v2, v3 => throttle INT32, error_code INT16, error_message COMPACT_STRING?, [resource_type INT8,
    resource_name COMPACT_STRING, pattern_type INT8, [principal COMPACT_STRING, host COMPACT_STRING, operation INT8, permission_type INT8,
    TAGS], TAGS], TAGS
*/
export const describeAcls: KafkaRequest<null, Refusable & { acls: WireAcl[] }> = {
  key: 29,
  name: 'DescribeAcls',
  versions: [3, 2],
  write: () => new WireWriter().int8(any).string(null).int8(any).string(null).string(null).int8(any).int8(any).tags(),
  read(reader) {
    reader.int32()
    const outcome = { errorCode: reader.int16(), errorMessage: reader.nullableString() }
    const acls = reader.array(() => {
      const resource = { resourceType: reader.int8(), resourceName: reader.string(), patternType: reader.int8() }
      const own = reader.array((): WireAcl => {
        const acl = { principal: reader.string(), host: reader.string(), operation: reader.int8(), permission: reader.int8() }
        reader.tags()
        return { ...resource, ...acl }
      })
      reader.tags()
      return own
    })
    return { ...outcome, acls: acls.flat() }
  },
}

/*
  CreateAcls Request v2, v3 => [resource_type INT8, resource_name COMPACT_STRING, pattern_type INT8, principal COMPACT_STRING,
    host COMPACT_STRING, operation INT8, permission_type INT8, TAGS], TAGS
  CreateAcls Response v2, v3 => throttle INT32, [error_code INT16, error_message COMPACT_STRING?, TAGS], TAGS
*/
export const createAclsRequest: KafkaRequest<WireAcl[], Refusable[]> = {
  key: 30,
  name: 'CreateAcls',
  versions: [3, 2],
  write(acls) {
    const body = new WireWriter()
    return body
      .array(acls, (acl) => {
        body.int8(acl.resourceType).string(acl.resourceName).int8(acl.patternType)
        body.string(acl.principal).string(acl.host).int8(acl.operation).int8(acl.permission).tags()
      })
      .tags()
  },
  read(reader) {
    reader.int32()
    return reader.array(() => {
      const outcome = { errorCode: reader.int16(), errorMessage: reader.nullableString() }
      reader.tags()
      return outcome
    })
  },
}

export interface WireQuota {
  entity: { type: string; name: string | null }[]
  values: Record<string, number>
}

/*
  DescribeClientQuotas Request v1 => [entity_type COMPACT_STRING, match_type INT8, match COMPACT_STRING?, TAGS], strict BOOLEAN, TAGS
  DescribeClientQuotas Response v1 => throttle INT32, error_code INT16, error_message COMPACT_STRING?, [[entity_type COMPACT_STRING,
    entity_name COMPACT_STRING?, TAGS], [key COMPACT_STRING, value FLOAT64, TAGS], TAGS]?, TAGS
  v0: the same in STRING and ARRAY, without tags.
*/
export const describeQuotas: KafkaRequest<null, Refusable & { quotas: WireQuota[] }> = {
  key: 48,
  name: 'DescribeClientQuotas',
  versions: [1, 0],
  flexibleFrom: 1,
  write(_, version) {
    const body = new WireWriter()
    return version < 1
      ? body.longArray([], () => {}).bool(false)
      : body
          .array([], () => {})
          .bool(false)
          .tags()
  },
  read(reader, version) {
    reader.int32()
    const errorCode = reader.int16()
    if (version < 1) {
      const errorMessage = reader.nullableShortString()
      const quotas = reader.longArray(() => ({
        entity: reader.longArray(() => ({ type: reader.shortString(), name: reader.nullableShortString() })),
        values: Object.fromEntries(reader.longArray(() => [reader.shortString(), reader.float64()] as const)),
      }))
      return { errorCode, errorMessage, quotas }
    }
    const errorMessage = reader.nullableString()
    const quotas = reader.array(() => {
      const entity = reader.array(() => {
        const part = { type: reader.string(), name: reader.nullableString() }
        reader.tags()
        return part
      })
      const values = reader.array(() => {
        const value = [reader.string(), reader.float64()] as const
        reader.tags()
        return value
      })
      reader.tags()
      return { entity, values: Object.fromEntries(values) }
    })
    return { errorCode, errorMessage, quotas }
  },
}

/*
  AlterClientQuotas Request v1 => [[entity_type COMPACT_STRING, entity_name COMPACT_STRING?, TAGS], [key COMPACT_STRING, value FLOAT64,
    remove BOOLEAN, TAGS], TAGS], validate_only BOOLEAN, TAGS
  AlterClientQuotas Response v1 => throttle INT32, [error_code INT16, error_message COMPACT_STRING?, [entity_type COMPACT_STRING,
    entity_name COMPACT_STRING?, TAGS], TAGS], TAGS
*/
export const alterQuotas: KafkaRequest<WireQuota[], (Refusable & Pick<WireQuota, 'entity'>)[]> = {
  key: 49,
  name: 'AlterClientQuotas',
  versions: [1],
  write(quotas) {
    const body = new WireWriter()
    body.array(quotas, ({ entity, values }) => {
      body.array(entity, ({ type, name }) => body.string(type).string(name).tags())
      body.array(Object.entries(values), ([key, value]) => body.string(key).float64(value).bool(false).tags()).tags()
    })
    return body.bool(false).tags()
  },
  read(reader) {
    reader.int32()
    return reader.array(() => {
      const outcome = { errorCode: reader.int16(), errorMessage: reader.nullableString() }
      const entity = reader.array(() => {
        const part = { type: reader.string(), name: reader.nullableString() }
        reader.tags()
        return part
      })
      reader.tags()
      return { ...outcome, entity }
    })
  },
}

export interface WireScramUser {
  user: string
  credentials: { mechanism: number; iterations: number }[]
}

/*
  DescribeUserScramCredentials Request v0 => [user COMPACT_STRING, TAGS]? (none: every one), TAGS
  DescribeUserScramCredentials Response v0 => throttle INT32, error_code INT16, error_message COMPACT_STRING?, [user COMPACT_STRING,
    error_code INT16, error_message COMPACT_STRING?, [mechanism INT8, iterations INT32, TAGS], TAGS], TAGS
*/
export const describeScramUsers: KafkaRequest<null, Refusable & { users: WireScramUser[] }> = {
  key: 50,
  name: 'DescribeUserScramCredentials',
  versions: [0],
  write: () => new WireWriter().array([], () => {}).tags(),
  read(reader) {
    reader.int32()
    const outcome = { errorCode: reader.int16(), errorMessage: reader.nullableString() }
    const users = reader.array(() => {
      const user = reader.string()
      reader.int16()
      reader.nullableString()
      const credentials = reader.array(() => {
        const credential = { mechanism: reader.int8(), iterations: reader.int32() }
        reader.tags()
        return credential
      })
      reader.tags()
      return { user, credentials }
    })
    return { ...outcome, users }
  },
}
