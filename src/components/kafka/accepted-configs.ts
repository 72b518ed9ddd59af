import { describeError } from '../../base/errors.ts'
import type { Finding } from '../../base/finding.ts'
import { kafkaCodeOf, kafkaErrors } from '../../clients/kafka/failure.ts'

export interface AcceptedConfigs {
  /** What the target takes. */
  configs: Record<string, string>
  /** One warning for each setting that is left out or changed, and why. */
  findings: Finding[]
}

export interface AcceptOptions {
  /** As the findings call it. */
  topic: string
  wanted: Record<string, string>
  replicationFactor: number
  /** What a topic may be set to there, with the values of one without settings; undefined when the cluster does not tell. */
  settings: ReadonlyMap<string, string | null> | undefined
  /** Asks the cluster about some of them, changing nothing; throws what the cluster answers. */
  attempt(configs: Record<string, string>): Promise<void>
}

/** Their values are lists of `partition:broker`, and the brokers are the source's. */
const namesBrokers = new Set(['leader.replication.throttled.replicas', 'follower.replication.throttled.replicas'])
const minInSync = 'min.insync.replicas'

/**
 * Which of a topic's settings a cluster accepts: not those that name brokers of the source, those that its version does not know, and
 * those whose value it refuses. More in-sync replicas than there are replicas would make the topic unwritable: it gets as many as there are.
 */
export async function acceptConfigs({ topic, wanted, replicationFactor, settings, attempt }: AcceptOptions): Promise<AcceptedConfigs> {
  const findings: Finding[] = []
  const leaveOut = (name: string, why: string) =>
    findings.push(warning('config-not-applied', topic, name, `${name}=${wanted[name]} is left out: ${why}`))
  const possible: Record<string, string> = {}
  for (const [name, value] of Object.entries(wanted)) {
    if (namesBrokers.has(name) && value !== '*') leaveOut(name, 'it names brokers of the source cluster')
    else if (settings?.has(name) === false) leaveOut(name, 'the brokers know no such setting')
    else possible[name] = value
  }
  const configs = await askInTurn(possible, attempt, leaveOut)
  const inSync = configs[minInSync] ?? settings?.get(minInSync) ?? undefined
  if (inSync !== undefined && Number(inSync) > replicationFactor) {
    const origin = configs[minInSync] === undefined ? "the brokers' default" : 'as in the backup'
    configs[minInSync] = String(replicationFactor)
    findings.push({
      ...warning(
        'min-insync-lowered',
        topic,
        minInSync,
        `${minInSync} is ${replicationFactor} instead of ${inSync} (${origin}): with replication factor ${replicationFactor} nobody could write with acks=all`,
      ),
      next: `when ${topic} has more replicas: kafka-configs.sh --bootstrap-server … --alter --topic ${topic} --add-config ${minInSync}=${inSync}`,
    })
  }
  return { configs, findings }
}

/** All at once; where something is refused one by one, to know what. */
async function askInTurn(
  possible: Record<string, string>,
  attempt: AcceptOptions['attempt'],
  leaveOut: (name: string, why: string) => void,
): Promise<Record<string, string>> {
  if ((await refusalOf(attempt, possible)) === undefined) return { ...possible }
  const accepted: Record<string, string> = {}
  for (const [name, value] of Object.entries(possible)) {
    const refusal = await refusalOf(attempt, { [name]: value })
    if (refusal === undefined) accepted[name] = value
    else leaveOut(name, refusal)
  }
  return accepted
}

async function refusalOf(attempt: AcceptOptions['attempt'], configs: Record<string, string>): Promise<string | undefined> {
  try {
    await attempt(configs)
    return undefined
  } catch (error) {
    if (kafkaCodeOf(error) !== kafkaErrors.invalidConfig) throw error
    return describeError(error)
  }
}

function warning(code: string, topic: string, name: string, message: string): Finding {
  return { severity: 'warning', code, component: 'kafka', item: `${topic}: ${name}`, message }
}
