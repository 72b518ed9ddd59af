import { DatapipeError } from '../../base/errors.ts'

/** Where the images come from: built here from fixtures/stack, or pulled as their makers publish them. */
export const profiles = ['local', 'official'] as const
export type Profile = (typeof profiles)[number]

/** What a containers stack runs. Every field has a default; a Debezium brings the Connect worker that its own image has. */
export interface ServerVersions {
  /** Major version: `15`, `17`. */
  postgres: string
  /** The broker: `3.4.1`, `4.3.1`. */
  kafka: string
  /** The worker's Kafka, which may be newer than the broker: connectors can be stopped, and their offsets written, from 3.6 on. */
  connect: string
  debezium: string
}

const newest = { postgres: '17', kafka: '4.3.1', debezium: '3.6.0.Final' }
export const apicurioVersions = { registry: '3.3.3', converter: '2.6.13.Final' }

/** Fills in what was not asked for. Throws `usage` for what is no version. */
export function serverVersions(wanted: Partial<ServerVersions> = {}): ServerVersions {
  const postgres = wanted.postgres ?? newest.postgres
  const kafka = wanted.kafka ?? newest.kafka
  const debezium = wanted.debezium ?? newest.debezium
  if (postgresReleases[postgres] === undefined && !/^\d{2}$/.test(postgres)) throw wrong('PostgreSQL', postgres, 'a major version such as 17')
  if (!/^\d+\.\d+\.\d+$/.test(kafka)) throw wrong('Kafka', kafka, 'a whole version such as 4.3.1')
  if (!/^\d+\.\d+\.\d+\.\w+$/.test(debezium)) throw wrong('Debezium', debezium, 'a whole version such as 3.6.0.Final')
  return { postgres, kafka, debezium, connect: wanted.connect ?? (debezium.startsWith('2.') ? '3.7.2' : newest.kafka) }
}

/** The Debian release whose packages have this PostgreSQL. */
export const postgresReleases: Readonly<Record<string, 'bookworm' | 'trixie'>> = { '15': 'bookworm', '17': 'trixie' }

/** The Confluent Platform that contains this Kafka, which is how its images are tagged: 3.4.1 is 7.4.1, 4.3.1 is 8.3.1. */
export function confluentVersion(kafka: string): string {
  const [major = '', ...rest] = kafka.split('.')
  return [Number(major) + 4, ...rest].join('.')
}

function wrong(what: string, found: string, wanted: string): DatapipeError {
  return new DatapipeError('usage', `not a version of ${what}: ${found}`, { hint: `name ${wanted}` })
}
