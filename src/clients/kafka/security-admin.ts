import { DatapipeError } from '../../base/errors.ts'
import { kafkaErrors, throwOnError } from './failure.ts'
import type { KafkaClient } from './kafka-client.ts'
import { alterQuotas, createAclsRequest, describeAcls, describeQuotas, describeScramUsers } from './requests/security.ts'

export interface AclEntry {
  /** `TOPIC`, `GROUP`, `CLUSTER`, `TRANSACTIONAL_ID`, `DELEGATION_TOKEN`, `USER`. */
  resourceType: string
  resourceName: string
  /** `LITERAL` or `PREFIXED`. */
  patternType: string
  principal: string
  host: string
  operation: string
  /** `ALLOW` or `DENY`. */
  permission: string
}

/** A quota of one entity: a user, a client id, an address, or a default (null) of these. */
export interface QuotaEntry {
  entity: { type: string; name: string | null }[]
  values: Record<string, number>
}

/** A user that logs in with SCRAM: what a broker tells of it. Its secret it never tells. */
export interface ScramUser {
  user: string
  credentials: { mechanism: string; iterations: number }[]
}

/** Why a broker lists none: it has no authorizer, we may not ask, or it does not know the request. */
export type Unlisted = 'no-authorizer' | 'refused' | 'not-supported'

// Kafka's numbers of them, in the order of its enumerations.
const resourceTypes = ['UNKNOWN', 'ANY', 'TOPIC', 'GROUP', 'CLUSTER', 'TRANSACTIONAL_ID', 'DELEGATION_TOKEN', 'USER']
const patternTypes = ['UNKNOWN', 'ANY', 'MATCH', 'LITERAL', 'PREFIXED']
const permissions = ['UNKNOWN', 'ANY', 'DENY', 'ALLOW']
const mechanisms = ['UNKNOWN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']
const operations = [
  'UNKNOWN',
  'ANY',
  'ALL',
  'READ',
  'WRITE',
  'CREATE',
  'DELETE',
  'ALTER',
  'DESCRIBE',
  'CLUSTER_ACTION',
  'DESCRIBE_CONFIGS',
  'ALTER_CONFIGS',
  'IDEMPOTENT_WRITE',
  'CREATE_TOKENS',
  'DESCRIBE_TOKENS',
  'TWO_PHASE_COMMIT',
]

/** Every ACL, ordered. */
export async function listAcls(client: KafkaClient): Promise<AclEntry[] | Unlisted> {
  return listing(client, async () => {
    const answer = await client.call(await client.broker(), 'main', describeAcls, null)
    if (answer.errorCode !== 0) return answer
    const entries = answer.acls.map(({ resourceType, resourceName, patternType, principal, host, operation, permission }) => ({
      resourceType: nameOf(resourceTypes, resourceType),
      resourceName,
      patternType: nameOf(patternTypes, patternType),
      principal,
      host,
      operation: nameOf(operations, operation),
      permission: nameOf(permissions, permission),
    }))
    return ordered(entries)
  })
}

/** Every quota, ordered. */
export async function listQuotas(client: KafkaClient): Promise<QuotaEntry[] | Unlisted> {
  return listing(client, async () => {
    const answer = await client.call(await client.broker(), 'main', describeQuotas, null)
    return answer.errorCode === 0 ? ordered(answer.quotas) : answer
  })
}

/** Every user with SCRAM credentials: names, mechanisms and iterations. */
export async function listScramUsers(client: KafkaClient): Promise<ScramUser[] | Unlisted> {
  return listing(client, async () => {
    const answer = await client.call(await client.broker(), 'main', describeScramUsers, null)
    if (answer.errorCode !== 0) return answer
    const users = answer.users.map(({ user, credentials }) => ({
      user,
      credentials: credentials.map(({ mechanism, iterations }) => ({ mechanism: nameOf(mechanisms, mechanism), iterations })),
    }))
    return ordered(users)
  })
}

/** Creates ACLs; one that is there already stays. Throws `server-refused`, `unauthorized`. */
export async function createAcls(client: KafkaClient, entries: AclEntry[]): Promise<void> {
  if (entries.length === 0) return
  const acls = entries.map((entry) => ({
    resourceType: resourceTypes.indexOf(entry.resourceType),
    resourceName: entry.resourceName,
    patternType: patternTypes.indexOf(entry.patternType),
    principal: entry.principal,
    host: entry.host,
    operation: operations.indexOf(entry.operation),
    permission: permissions.indexOf(entry.permission),
  }))
  await client.retrying(async () => {
    const results = await client.call(await client.broker(), 'main', createAclsRequest, acls)
    for (const [index, { errorCode, errorMessage }] of results.entries()) {
      const entry = entries[index]
      throwOnError(errorCode, `create the ACL of ${entry?.principal} on ${entry?.resourceType} ${entry?.resourceName}`, errorMessage)
    }
  })
}

/** Sets the values of quotas; others of the same entity stay. Throws `server-refused`, `unauthorized`. */
export async function setQuotas(client: KafkaClient, entries: QuotaEntry[]): Promise<void> {
  if (entries.length === 0) return
  await client.retrying(async () => {
    for (const { errorCode, errorMessage, entity } of await client.call(await client.broker(), 'main', alterQuotas, entries)) {
      throwOnError(errorCode, `set the quota of ${entity.map(({ type, name }) => `${type} ${name ?? '(default)'}`).join(', ')}`, errorMessage)
    }
  })
}

interface Refusal {
  errorCode: number
  errorMessage: string | null | undefined
}

async function listing<T>(client: KafkaClient, ask: () => Promise<T[] | Refusal>): Promise<T[] | Unlisted> {
  try {
    return await client.retrying(async () => {
      const answer = await ask()
      if (Array.isArray(answer)) return answer
      if (answer.errorCode === kafkaErrors.securityDisabled) return 'no-authorizer' as const
      if (answer.errorCode === kafkaErrors.clusterAuthorizationFailed) return 'refused' as const
      if (answer.errorCode === kafkaErrors.unsupportedVersion) return 'not-supported' as const
      throwOnError(answer.errorCode, 'list what the cluster allows', answer.errorMessage)
      return []
    })
  } catch (error) {
    // Its API is offered in no version that we speak: before Kafka 2.6, or another maker's broker.
    if (error instanceof DatapipeError && error.code === 'not-supported') return 'not-supported'
    throw error
  }
}

const nameOf = (names: string[], number: number) => names[number] ?? String(number)

function ordered<T>(items: T[]): T[] {
  const key = new Map(items.map((item) => [item, JSON.stringify(item)]))
  return items.sort((a, b) => ((key.get(a) ?? '') < (key.get(b) ?? '') ? -1 : 1))
}
