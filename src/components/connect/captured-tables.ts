import type { ConnectorConfig } from '../../clients/connect.ts'

/** The database that a Debezium PostgreSQL connector reads. */
export function databaseOf(config: ConnectorConfig): string {
  return config['database.dbname'] ?? 'postgres'
}

/**
 * Does the connector capture `schema.table`? Debezium's rule: comma-separated regular expressions, matched against the whole name without
 * regard to case; an include list excludes everything else, at most one of include and exclude is set.
 */
export function capturesRelation(config: ConnectorConfig): (relation: string) => boolean {
  const filters = [
    { pattern: config['schema.include.list'], of: schemaOf, wanted: true },
    { pattern: config['schema.exclude.list'], of: schemaOf, wanted: false },
    { pattern: config['table.include.list'], of: (relation: string) => relation, wanted: true },
    { pattern: config['table.exclude.list'], of: (relation: string) => relation, wanted: false },
  ].flatMap(({ pattern, of, wanted }) => (pattern === undefined || pattern.trim() === '' ? [] : [{ matches: expressions(pattern), of, wanted }]))
  return (relation) => filters.every(({ matches, of, wanted }) => matches.some((expression) => expression.test(of(relation))) === wanted)
}

function schemaOf(relation: string): string {
  return relation.slice(0, relation.indexOf('.'))
}

/** A comma inside an expression is written as `\,` or `\x2c`. */
function expressions(list: string): RegExp[] {
  return list.split(/(?<!\\),/).map((item) => new RegExp(`^(?:${item.trim().replaceAll('\\,', ',')})$`, 'i'))
}
