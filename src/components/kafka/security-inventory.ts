import { z } from 'zod'
import type { KafkaConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import type { Finding } from '../../base/finding.ts'
import { connectKafka } from '../../clients/kafka/kafka-client.ts'
import { listAcls, listQuotas, listScramUsers, type Unlisted } from '../../clients/kafka/security-admin.ts'

const state = z.enum(['listed', 'no-authorizer', 'refused', 'not-supported'])

/**
 * Who may do what on a cluster, in a backup's Kafka part: ACLs, quotas, and the users that log in with SCRAM. Of these a broker tells names,
 * mechanisms and iterations, never secrets. `state` says why a list is empty that need not be.
 */
export const securitySchema = z.strictObject({
  acls: z.strictObject({
    state,
    entries: z.array(
      z.strictObject({
        resourceType: z.string(),
        resourceName: z.string(),
        patternType: z.string(),
        principal: z.string(),
        host: z.string(),
        operation: z.string(),
        permission: z.string(),
      }),
    ),
  }),
  quotas: z.strictObject({
    state,
    entries: z.array(
      z.strictObject({
        /** `user`, `client-id`, `ip`; null is the default of that kind. */
        entity: z.array(z.strictObject({ type: z.string(), name: z.string().nullable() })),
        values: z.record(z.string(), z.number()),
      }),
    ),
  }),
  scramUsers: z.strictObject({
    state,
    entries: z.array(
      z.strictObject({ user: z.string(), credentials: z.array(z.strictObject({ mechanism: z.string(), iterations: z.number().int() })) }),
    ),
  }),
})
export type SecurityPart = z.infer<typeof securitySchema>

/** Lists them. What we may not list is a warning: a restore elsewhere would not know of it. */
export async function inventorySecurity(config: KafkaConfig, context: Context): Promise<{ part: SecurityPart; findings: Finding[] }> {
  await using client = await connectKafka(config, context)
  const part: SecurityPart = {
    acls: listed(await listAcls(client)),
    quotas: listed(await listQuotas(client)),
    scramUsers: listed(await listScramUsers(client)),
  }
  const findings = (['acls', 'quotas', 'scramUsers'] as const)
    .filter((name) => part[name].state === 'refused')
    .map((name): Finding => {
      const [what, right] = rights[name]
      return {
        severity: 'warning',
        code: 'security-not-listed',
        component: 'kafka',
        item: what,
        message: `the cluster does not let us list its ${what}: they are not in the backup`,
        next: `kafka-acls.sh --bootstrap-server … --add --allow-principal User:… --cluster --operation ${right}`,
      }
    })
  return { part, findings }
}

const rights = { acls: ['ACLs', 'Describe'], quotas: ['quotas', 'DescribeConfigs'], scramUsers: ['SCRAM users', 'Describe'] } as const

function listed<T>(answer: T[] | Unlisted): { state: z.infer<typeof state>; entries: T[] } {
  return Array.isArray(answer) ? { state: 'listed', entries: answer } : { state: answer, entries: [] }
}
