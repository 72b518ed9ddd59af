import { access, constants, readdir } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import type { PostgresConfig } from '../../base/config.ts'
import { DatapipeError } from '../../base/errors.ts'
import { runTool } from '../../clients/exec.ts'

export const toolNames = ['pg_receivewal', 'pg_waldump', 'pg_ctl', 'postgres'] as const
export type ToolName = (typeof toolNames)[number]

export interface PostgresTools {
  directory: string
  majorVersion: number
  /** `15.18 (Debian 15.18-0+deb12u1)` */
  version: string
  path(tool: ToolName): string
}

/** Where Debian and Red Hat put each major version's programs. */
const versionedDirectories = [
  { parent: '/usr/lib/postgresql', pattern: /^\d+$/ },
  { parent: '/usr', pattern: /^pgsql-\d+$/ },
]

/**
 * Finds PostgreSQL's programs: `binDirectory`, else PATH, else the directories of the packages. With `majorVersion` only programs of
 * that version are taken: a base backup of 15 starts under 15 alone. Throws `tool-missing` with what was found instead.
 */
export async function findPostgresTools(config: Pick<PostgresConfig, 'binDirectory'>, majorVersion?: number): Promise<PostgresTools> {
  const seen: string[] = []
  for (const directory of config.binDirectory === undefined ? await candidates() : [config.binDirectory]) {
    const missing = await missingTools(directory)
    if (missing.length === toolNames.length) continue
    if (missing.length > 0) {
      seen.push(`${directory} lacks ${missing.join(', ')}`)
      continue
    }
    const version = (await runTool(join(directory, 'postgres'), ['--version'])).replace(/^postgres \(PostgreSQL\) /, '').trim()
    const major = Number.parseInt(version, 10)
    if (majorVersion === undefined || major === majorVersion) {
      return { directory, majorVersion: major, version, path: (tool) => join(directory, tool) }
    }
    seen.push(`${directory} has ${version}`)
  }
  const wanted = majorVersion === undefined ? 'PostgreSQL programs' : `PostgreSQL ${majorVersion} programs`
  const package_ = `postgresql-${majorVersion ?? 15}`
  throw new DatapipeError('tool-missing', `${wanted} are not installed${seen.length === 0 ? '' : ` (${seen.join('; ')})`}`, {
    path: config.binDirectory ?? 'PATH',
    hint: `apt-get install ${package_}, or set postgres.binDirectory`,
  })
}

async function candidates(): Promise<string[]> {
  const directories = (process.env.PATH ?? '').split(delimiter).filter((part) => part.startsWith('/'))
  for (const { parent, pattern } of versionedDirectories) {
    const names = (await readdir(parent).catch((): string[] => [])).filter((name) => pattern.test(name))
    names.sort((a, b) => Number(b.replace(/\D/g, '')) - Number(a.replace(/\D/g, '')))
    directories.push(...names.map((name) => join(parent, name, 'bin')))
  }
  return [...new Set(directories)]
}

async function missingTools(directory: string): Promise<ToolName[]> {
  const there = await Promise.all(toolNames.map((tool) => isExecutable(join(directory, tool))))
  return toolNames.filter((_tool, index) => !there[index])
}

const isExecutable = (path: string) =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
