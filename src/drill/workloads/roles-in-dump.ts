import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'

const name = String.raw`"(?:[^"]|"")+"|[\w$]+`
const list = String.raw`((?:${name})(?:,\s*(?:${name}))*)`
/** The statements of a plain pg_dump that name roles, each on one line: owners, grants, default privileges, policies. */
const statements = [
  new RegExp(`^ALTER .* OWNER TO ${list};$`, 'u'),
  new RegExp(`^GRANT .* TO ${list}(?: WITH GRANT OPTION)?;$`, 'u'),
  new RegExp(`^REVOKE .* FROM ${list};$`, 'u'),
  new RegExp(`^ALTER DEFAULT PRIVILEGES FOR ROLE ${list} `, 'u'),
  new RegExp(`^ALTER DEFAULT PRIVILEGES .* (?:GRANT|REVOKE) .* (?:TO|FROM) ${list}(?: WITH GRANT OPTION)?;$`, 'u'),
  new RegExp(`^CREATE POLICY .*? TO ${list}(?: USING| WITH CHECK|;)`, 'u'),
  new RegExp(`^SET SESSION AUTHORIZATION ${list};$`, 'u'),
]

/**
 * Roles that a plain dump takes for granted, in the spelling of the catalog. pg_dump does not create them; without them its dump stops at the first
 * owner. Data between COPY and its end mark is not looked at.
 */
export async function rolesInDump(file: string): Promise<Set<string>> {
  const roles = new Set<string>()
  let inData = false
  for await (const line of createInterface({ input: createReadStream(file, 'utf8'), crlfDelay: Number.POSITIVE_INFINITY })) {
    if (inData) {
      inData = line !== '\\.'
      continue
    }
    if (/^COPY .* FROM stdin;$/i.test(line)) inData = true
    for (const statement of statements)
      for (const [role] of (statement.exec(line)?.[1] ?? '').matchAll(new RegExp(name, 'gu'))) roles.add(unquoted(role))
  }
  for (const special of ['public', 'current_user', 'session_user', 'current_role', 'default']) roles.delete(special)
  return roles
}

function unquoted(identifier: string): string {
  return identifier.startsWith('"') ? identifier.slice(1, -1).replaceAll('""', '"') : identifier.toLowerCase()
}
