import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { DatapipeError } from '../base/errors.ts'

/** Options of Node's TLS, as the driver hands them on; `false`: no TLS. */
export type PostgresTls = false | { rejectUnauthorized?: boolean; checkServerIdentity?: () => undefined; ca?: string; cert?: string; key?: string }

const modes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const
const parameters = ['sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'ssl', 'sslnegotiation']

/**
 * `sslmode`, `sslrootcert`, `sslcert` and `sslkey` of a connection URL, with the meaning that libpq gives them (PostgreSQL documentation,
 * "SSL Support"), so that our own connections and PostgreSQL's programs do the same: `require` encrypts and trusts anybody unless there is
 * a root certificate, `verify-ca` looks at the signature, `verify-full` at the name too. `allow` and `prefer` stay without TLS here: they
 * promise nothing. Throws `config-invalid` for a mode that does not exist and a file that cannot be read.
 */
export function postgresTls(url: URL): PostgresTls {
  const given = url.searchParams.get('sslmode') ?? 'prefer'
  const mode = modes.find((name) => name === given)
  if (mode === undefined) throw invalid(`sslmode is none of ${modes.join(', ')}: ${given}`)
  if (mode === 'disable' || mode === 'allow' || mode === 'prefer' || isSocket(url)) return false
  const ca = rootCertificate(url)
  const client = { ...optional('cert', file(url, 'sslcert')), ...optional('key', file(url, 'sslkey')) }
  if (mode === 'require' && ca === undefined) return { rejectUnauthorized: false, ...client }
  const trusted = { ...optional('ca', ca), ...client }
  return mode === 'verify-full' ? trusted : { ...trusted, checkServerIdentity: () => undefined }
}

/** The URL without what is about TLS: the driver has its own ideas of it. */
export function withoutTls(url: URL): string {
  const rest = new URL(url)
  for (const name of parameters) rest.searchParams.delete(name)
  return rest.toString()
}

/** Undefined: Node's own authorities, with `sslrootcert=system`; libpq's default place is looked at too. */
function rootCertificate(url: URL): string | undefined {
  if (url.searchParams.get('sslrootcert') === 'system') return undefined
  const given = file(url, 'sslrootcert')
  if (given !== undefined) return given
  try {
    return readFileSync(join(homedir(), '.postgresql', 'root.crt'), 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

function file(url: URL, parameter: string): string | undefined {
  const path = url.searchParams.get(parameter)
  if (path === null || path === '') return undefined
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw invalid(`${parameter} cannot be read: ${path}`, cause)
  }
}

const isSocket = (url: URL) => decodeURIComponent(url.hostname).startsWith('/') || (url.searchParams.get('host') ?? '').startsWith('/')

function optional<Key extends string>(key: Key, value: string | undefined): { [name in Key]?: string } {
  return (value === undefined ? {} : { [key]: value }) as { [name in Key]?: string }
}

function invalid(message: string, cause?: unknown): DatapipeError {
  return new DatapipeError('config-invalid', message, { path: 'postgres.url', ...(cause === undefined ? {} : { cause }) })
}
