import type { Finding } from '../../base/finding.ts'
import { readStoredConnectors, type StoredConnector } from '../../components/connect/index.ts'
import { readPartSnapshot } from '../../components/registry/part.ts'
import type { Backup } from '../../repository/open-backup.ts'
import { type Parts, partsOf } from './parts.ts'

/** What in the backup knows renamed topics by their old names: connectors, subjects of TopicNameStrategy, groups. Each is a warning. */
export async function oldNameFindings(backup: Backup, names: ReadonlyMap<string, string>): Promise<Finding[]> {
  const renamed = new Map([...names].filter(([from, to]) => from !== to))
  if (renamed.size === 0) return []
  const { kafka, registry, connect }: Parts = partsOf(backup)
  const connectors = connect === undefined ? [] : await readStoredConnectors(connect, backup.component('connect'))
  const subjects =
    registry === undefined ? [] : (await readPartSnapshot(registry, backup.component('registry'))).versions.map(({ subject }) => subject)
  return referencesTo(renamed, { connectors, subjects, groups: kafka?.groups ?? [] })
}

interface Referrers {
  connectors: Pick<StoredConnector, 'name' | 'type' | 'config' | 'topics'>[]
  subjects: string[]
  groups: { groupId: string; offsets: { topic: string }[] }[]
}

/** Pure. */
export function referencesTo(renamed: ReadonlyMap<string, string>, { connectors, subjects, groups }: Referrers): Finding[] {
  const findings: Finding[] = []
  for (const { name, type, config, topics } of connectors) {
    const known = [...renamed.keys()].filter((topic) => topics.includes(topic) || namesTopic(config, topic))
    if (known.length === 0) continue
    const does = type === 'source' ? 'goes on writing to' : 'goes on reading from'
    findings.push(warning('connect', name, `connector ${name} ${does} ${list(known)}: the restored ${them(known)} stand beside`))
  }
  for (const [from, to] of renamed) {
    const own = [...new Set(subjects.filter((subject) => subject === `${from}-key` || subject === `${from}-value`))]
    if (own.length === 0) continue
    const message = `records of ${to} carry the ids of ${list(own)}: they can be read, but a producer of ${to} registers ${own.map((subject) => to + subject.slice(from.length)).join(' and ')}`
    findings.push(warning('registry', from, message))
  }
  for (const { groupId, offsets } of groups) {
    const known = [...new Set(offsets.map(({ topic }) => topic).filter((topic) => renamed.has(topic)))]
    if (known.length === 0) continue
    findings.push(
      warning(
        'kafka',
        groupId,
        `group ${groupId} reads ${list(known)}: it gets positions in ${list(known.map((topic) => renamed.get(topic) ?? ''))} only`,
      ),
    )
  }
  return findings
}

/** As a word of a list, or by the pattern of a sink. */
function namesTopic(config: Record<string, string>, topic: string): boolean {
  if (Object.values(config).some((value) => value.split(/[\s,]+/).includes(topic))) return true
  const pattern = config['topics.regex']
  if (pattern === undefined) return false
  try {
    return new RegExp(`^(?:${pattern})$`).test(topic)
  } catch {
    // A pattern of Java's that JavaScript does not read: that the connector may be meant is better said than not.
    return true
  }
}

const list = (names: string[]) => (names.length > 5 ? `${names.slice(0, 5).join(', ')} and ${names.length - 5} more` : names.join(', '))
const them = (names: string[]) => (names.length === 1 ? 'records' : 'topics')

function warning(component: 'kafka' | 'registry' | 'connect', item: string, message: string): Finding {
  return { severity: 'warning', code: 'knows-old-name', component, item, message }
}
