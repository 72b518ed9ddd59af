import { basename } from 'node:path'
import type { PostgresConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import { connectPostgres } from '../../clients/postgres.ts'
import type { ArtifactWriter } from '../../repository/artifact.ts'
import type { BasePart } from './part.ts'
import type { PostgresProbe } from './probe.ts'
import { certificatesOutside } from './server-certificates.ts'

interface CopyOptions {
  config: PostgresConfig
  probe: PostgresProbe
  writer: ArtifactWriter
  context: Context
}

/**
 * A base backup holds the data directory alone; Debian keeps the configuration in /etc. Such files are stored beside the base backup,
 * as the server itself reads them (they may be on another machine). So are certificates of its TLS, but never their keys: a note names them. Needs pg_read_server_files or a superuser; without it, a warning.
 */
export async function copyConfigFiles({ config, probe, writer, context }: CopyOptions): Promise<Pick<BasePart, 'configFiles' | 'findings'>> {
  const configFiles: BasePart['configFiles'] = []
  const findings: BasePart['findings'] = []
  const certificates = certificatesOutside(probe.settings, probe.dataDirectory)
  for (const { setting, path, secret } of certificates) {
    if (!secret) continue
    findings.push({
      severity: 'warning',
      code: 'key-not-stored',
      component: 'postgres',
      item: path,
      message: `${setting} lies outside the data directory and is a secret: it is not in the backup, and a restored server does not start without it`,
      next: 'keep a copy where your secrets are',
    })
  }
  const configuration = Object.values(probe.files).filter((path) => path !== '' && !path.startsWith(`${probe.dataDirectory}/`))
  const outside = [...configuration, ...certificates.filter(({ secret }) => !secret).map(({ path }) => path)]
  if (outside.length === 0) return { configFiles, findings }
  await using client = await connectPostgres(config.url, { signal: context.signal })
  for (const path of outside) {
    try {
      const [row] = await client.query<{ hex: string }>("SELECT encode(pg_read_binary_file($1), 'hex') AS hex", [path])
      configFiles.push({ path, artifact: await writer.write(`config/${freeName(basename(path), configFiles)}`, Buffer.from(row?.hex ?? '', 'hex')) })
      findings.push({
        severity: 'note',
        code: 'config-outside',
        component: 'postgres',
        item: path,
        message: 'lies outside the data directory: a copy is in the backup, and a restore does not touch it',
      })
    } catch (error) {
      if (!(error instanceof DatapipeError) || error.code !== 'server-refused') throw error
      findings.push({
        severity: 'warning',
        code: 'config-not-stored',
        component: 'postgres',
        item: path,
        message: `lies outside the data directory and could not be read: ${error.message}`,
        next: 'GRANT pg_read_server_files TO the backup role',
      })
    }
  }
  return { configFiles, findings }
}

/** Two directories may hold files of one name. */
function freeName(name: string, taken: BasePart['configFiles']): string {
  return taken.some((file) => basename(file.path) === name) ? `${taken.length}-${name}` : name
}
