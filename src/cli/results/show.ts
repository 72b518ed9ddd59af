import type { ShowResult } from '../../commands/show.ts'
import { formatBytes, formatSeconds, formatTable } from '../render/format.ts'
import { findingsText } from './findings.ts'

/** The manifest for people. */
export function showText(result: ShowResult): string {
  const { backup, postgres, kafka, registry, connect, phases, findings } = result
  const point = backup.recoveryPoint
  const sections = [
    [
      `backup ${backup.id}${backup.label === undefined ? '' : ` "${backup.label}"`}: ${backup.state}\n`,
      facts([
        ['taken', `${backup.startedAt} to ${backup.finishedAt ?? '?'} by ${result.createdBy}`],
        ['size', `${formatBytes(backup.bytes)} in ${backup.files} files, and ${formatBytes(backup.sharedBytes)} of WAL`],
        ...(backup.earlier.files === 0
          ? []
          : [['needs', `${formatBytes(backup.earlier.bytes)} in ${backup.earlier.files} files of ${needed(backup.earlier.backups)}`]]),
        ['recovery point', point === undefined ? '-' : `${point.name} (${point.kind}), ${point.takenAt}`],
      ]),
    ],
    postgres && [
      'postgres\n',
      facts([
        ['server', `${postgres.version}, system ${postgres.systemIdentifier}, timeline ${postgres.timeline}`],
        ['databases', postgres.databases.join(', ')],
        ['files', formatBytes(postgres.bytes)],
        ['WAL', `${postgres.walSegments} segments, up to ${postgres.reachesLsn}`],
        [
          'recovers to',
          point?.postgres === undefined ? '-' : `${point.postgres.lsn}${point.postgres.time === undefined ? '' : ` (${point.postgres.time})`}`,
        ],
      ]),
    ],
    kafka && [
      `kafka: cluster ${kafka.clusterId}, ${kafka.topics.length} topics, ${kafka.groups.length} groups\n`,
      indent(
        formatTable(
          [
            ['TOPIC', 'KIND', 'PARTITIONS', 'RECORDS', 'SIZE'],
            ...kafka.topics.map(({ name, kind, partitions, records, bytes }) => [
              name,
              kind ?? '-',
              String(partitions),
              String(records),
              formatBytes(bytes),
            ]),
          ],
          [2, 3, 4],
        ),
      ),
      kafka.groups.length === 0 ? '' : facts([['groups', kafka.groups.join(', ')]]),
      kafka.security === undefined ? '' : securityText(kafka.security),
    ],
    registry && [
      'registry\n',
      facts([
        ['server', `${registry.kind} ${registry.version}`],
        ['holds', `${registry.subjects} subjects, ${registry.versions} versions, ${registry.ids} ids`],
        ['ways back', registry.routes.join(', ')],
      ]),
    ],
    connect && [
      `connect: ${connect.version}\n`,
      indent(
        formatTable([
          ['CONNECTOR', 'STATE', 'CLASS', 'SECRETS TO SUPPLY'],
          ...connect.connectors.map(({ name, state, class: type, secrets }) => [name, state, type, secrets.join(', ') || '-']),
        ]),
      ),
    ],
    phases.length > 0 && ['phases\n', facts(phases.map(({ name, seconds }) => [name, formatSeconds(seconds)]))],
    findings.length > 0 && ['findings\n', indent(findingsText(findings))],
  ]
  return sections
    .filter((section) => Array.isArray(section))
    .map((section) => section.join(''))
    .join('\n')
}

/** Chains may be long: the first ids, and how many more. */
function needed(backups: string[]): string {
  const more = backups.length > 3 ? ` and ${backups.length - 3} more` : ''
  return `${backups.slice(0, 3).join(', ')}${more}`
}

const unlisted = { 'no-authorizer': 'the cluster has no authorizer', refused: 'could not be listed', 'not-supported': 'the brokers cannot list them' }

/** One line for each kind; a list that could not be had says so. */
function securityText({ acls, quotas, scramUsers }: NonNullable<NonNullable<ShowResult['kafka']>['security']>): string {
  const line = (name: string, { state }: { state: keyof typeof unlisted | 'listed' }, items: string[]) => [
    name,
    state === 'listed' ? items.join('; ') || 'none' : unlisted[state],
  ]
  return facts([
    line(
      'ACLs',
      acls,
      acls.entries.map((acl) => `${acl.permission} ${acl.principal} ${acl.operation} ${acl.resourceType} ${acl.resourceName}`),
    ),
    line(
      'quotas',
      quotas,
      quotas.entries.map(({ entity, values }) => {
        const who = entity.map(({ type, name }) => `${type} ${name ?? '(default)'}`)
        return `${who.join(', ')}: ${Object.entries(values)
          .map(([key, value]) => `${key}=${value}`)
          .join(' ')}`
      }),
    ),
    line(
      'SCRAM users, without their secrets',
      scramUsers,
      scramUsers.entries.map(({ user, credentials }) => `${user} (${credentials.map(({ mechanism }) => mechanism).join(', ')})`),
    ),
  ])
}

function facts(rows: string[][]): string {
  return indent(formatTable(rows))
}

function indent(text: string): string {
  return text.replace(/^(?=.)/gm, '  ')
}
