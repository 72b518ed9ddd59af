import type { KafkaConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import type { Finding } from '../../base/finding.ts'
import { connectKafka } from '../../clients/kafka/kafka-client.ts'
import {
  type AclEntry,
  createAcls,
  listAcls,
  listQuotas,
  listScramUsers,
  type QuotaEntry,
  type ScramUser,
  setQuotas,
} from '../../clients/kafka/security-admin.ts'
import type { PlanStep, RestoreOutcome } from '../component.ts'
import type { KafkaPart } from './part.ts'

export interface SecurityOptions {
  part: KafkaPart
  config: KafkaConfig
  context: Context
  /** Set ACLs and quotas that are missing; otherwise they are only told. */
  restore: boolean
}

/** What of the backup's ACLs, quotas and users the target lacks. */
interface Missing {
  acls: AclEntry[]
  quotas: QuotaEntry[]
  users: string[]
  /** The target has something to keep ACLs in. */
  keepsAcls: boolean
}

/**
 * What a restore does about ACLs and quotas, as steps, and what it leaves undone, as findings: users cannot be restored by anybody, for their
 * secrets are in no backup. Throws `not-supported` when ACLs are wanted and the target has no authorizer, `unauthorized` when we may not ask.
 */
export async function planSecurity(options: SecurityOptions): Promise<{ steps: PlanStep[]; findings: Finding[] }> {
  const missing = await findMissing(options)
  if (missing === undefined) return { steps: [], findings: [] }
  const { acls, quotas, users, keepsAcls } = missing
  const findings: Finding[] = []
  if (users.length > 0) {
    findings.push({
      ...warning(
        'users-not-restored',
        'SCRAM users',
        `the target lacks ${list(users)}: a broker tells nobody the secrets of its users, so that no backup has them`,
      ),
      next: "kafka-configs.sh --bootstrap-server … --alter --entity-type users --entity-name … --add-config 'SCRAM-SHA-512=[password=…]'",
    })
  }
  if (!options.restore) {
    if (acls.length > 0) findings.push(warning('acls-not-restored', 'ACLs', `the target lacks ${list(acls.map(describeAcl))}: --acls sets them`))
    if (quotas.length > 0)
      findings.push(warning('quotas-not-restored', 'quotas', `the target lacks ${list(quotas.map(describeQuota))}: --acls sets them`))
    return { steps: [], findings }
  }
  if (acls.length > 0 && !keepsAcls)
    throw new DatapipeError('not-supported', `the backup has ${acls.length} ACLs, and the target no authorizer to keep them`, {
      path: 'kafka/acls',
      hint: 'set authorizer.class.name on the brokers, or restore without --acls',
    })
  return {
    steps: [
      ...acls.map((acl) => step(`create the ACL ${describeAcl(acl)}`)),
      ...quotas.map((quota) => step(`set the quota ${describeQuota(quota)}`)),
    ],
    findings,
  }
}

/** Sets the ACLs and quotas that the target lacks; none of those that it has is removed. Reads them back. Throws `restore-mismatch`. */
export async function restoreSecurity(options: SecurityOptions): Promise<RestoreOutcome> {
  const missing = await findMissing(options)
  const { acls, quotas } = missing ?? { acls: [], quotas: [] }
  await using client = await connectKafka(options.config, options.context)
  await createAcls(client, acls)
  await setQuotas(client, quotas)
  const left = await findMissing(options)
  const [first] = [...(left?.acls ?? []).map(describeAcl), ...(left?.quotas ?? []).map(describeQuota)]
  if (first !== undefined) throw new DatapipeError('restore-mismatch', `after it was set the target still lacks ${first}`, { path: 'kafka/acls' })
  return { component: 'kafka', counts: { acls: acls.length, quotas: quotas.length }, bytes: 0, findings: [] }
}

async function findMissing({ part, config, context, restore }: SecurityOptions): Promise<Missing | undefined> {
  const { security } = part
  if (security === undefined) return undefined
  await using client = await connectKafka(config, context)
  const [acls, quotas, users] = [await listAcls(client), await listQuotas(client), await listScramUsers(client)]
  const refused = restore && [acls, quotas].includes('refused')
  if (refused)
    throw new DatapipeError('unauthorized', 'the cluster does not let us list its ACLs and quotas', {
      path: 'kafka/acls',
      hint: 'grant Describe, DescribeConfigs, Alter and AlterConfigs on the cluster, or restore without --acls',
    })
  return {
    acls: lacking(security.acls.entries, acls, (entry) => JSON.stringify(Object.entries(entry).sort())),
    quotas: lacking(security.quotas.entries.flatMap(oneByOne), Array.isArray(quotas) ? quotas.flatMap(oneByOne) : quotas, describeQuota),
    users: lacking(security.scramUsers.entries.flatMap(namesOf), Array.isArray(users) ? users.flatMap(namesOf) : users, (name) => name),
    keepsAcls: acls !== 'no-authorizer',
  }
}

/** Those of `wanted` that `there` lacks; all where it could not be told. */
function lacking<T>(wanted: T[], there: T[] | string, keyOf: (item: T) => string): T[] {
  const known = new Set(Array.isArray(there) ? there.map(keyOf) : [])
  return wanted.filter((item) => !known.has(keyOf(item)))
}

const oneByOne = ({ entity, values }: QuotaEntry): QuotaEntry[] =>
  Object.entries(values).map(([key, value]) => ({ entity, values: { [key]: value } }))
const namesOf = ({ user, credentials }: ScramUser) => credentials.map(({ mechanism }) => `${user} (${mechanism})`)

function describeAcl({ permission, principal, host, operation, resourceType, patternType, resourceName }: AclEntry): string {
  return `${permission} ${principal}${host === '*' ? '' : ` from ${host}`} ${operation} on ${patternType === 'LITERAL' ? '' : `${patternType} `}${resourceType} ${resourceName}`
}

function describeQuota({ entity, values }: QuotaEntry): string {
  const who = [...entity].sort((a, b) => (a.type < b.type ? -1 : 1)).map(({ type, name }) => `${type} ${name ?? '(default)'}`)
  return `${Object.entries(values).map(([key, value]) => `${key}=${value}`)} of ${who.join(', ')}`
}

const list = (items: string[]) => (items.length > 5 ? `${items.slice(0, 5).join('; ')} and ${items.length - 5} more` : items.join('; '))

function warning(code: string, item: string, message: string): Finding {
  return { severity: 'warning', code, component: 'kafka', item, message }
}

function step(text: string): PlanStep {
  return { component: 'kafka', text, destructive: false }
}
