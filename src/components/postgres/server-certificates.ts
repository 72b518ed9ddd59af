import { existsSync } from 'node:fs'

/** Settings that name a file of the server's own TLS (PostgreSQL documentation, "SSL"), and whether the file is a secret. */
const files = [
  { setting: 'ssl_cert_file', secret: false },
  { setting: 'ssl_key_file', secret: true },
  { setting: 'ssl_ca_file', secret: false },
  { setting: 'ssl_crl_file', secret: false },
  { setting: 'ssl_dh_params_file', secret: false },
] as const

export const certificateSettings = ['ssl', ...files.map(({ setting }) => setting)]

export interface ServerCertificate {
  setting: string
  path: string
  secret: boolean
}

/**
 * The TLS files of a server that lie outside its data directory, where no base backup takes them: none without `ssl = on`. Relative paths
 * are inside.
 */
export function certificatesOutside(settings: Readonly<Record<string, string>>, dataDirectory: string): ServerCertificate[] {
  if (settings.ssl !== 'on') return []
  return files.flatMap(({ setting, secret }) => {
    const path = settings[setting] ?? ''
    return path.startsWith('/') && !path.startsWith(`${dataDirectory}/`) ? [{ setting, path, secret }] : []
  })
}

/** Those that this machine lacks: a server restored here does not start without them. */
export function missingCertificates(settings: Readonly<Record<string, string>>, dataDirectory: string): ServerCertificate[] {
  return certificatesOutside(settings, dataDirectory).filter(({ path }) => !existsSync(path))
}
