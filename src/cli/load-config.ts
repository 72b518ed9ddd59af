import { readFile } from 'node:fs/promises'
import { dirname, isAbsolute, resolve } from 'node:path'
import { parseDocument } from 'yaml'
import type { z } from 'zod'
import { configSchema, type DatapipeConfig } from '../base/config.ts'
import { DatapipeError } from '../base/errors.ts'
import { keysAt } from './config-keys.ts'
import { configSecrets } from './config-secrets.ts'
import { nearest } from './nearest.ts'
import { resolveReferences } from './resolve-references.ts'

export interface LoadedConfig {
  config: DatapipeConfig
  /** Never to be shown. */
  secrets: string[]
}

/**
 * Reads `datapipe.yaml`: references resolved, relative paths made absolute from the file's directory, checked against the schema.
 * Throws `config-invalid` with every fault and the path to its key.
 */
export async function loadConfig(file: string, env: Readonly<Record<string, string | undefined>>): Promise<LoadedConfig> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new DatapipeError('config-invalid', `cannot read the configuration ${file}`, {
      path: file,
      cause: error,
      hint: 'name it with --config FILE; docs/cli.md shows one',
    })
  })
  const directory = dirname(resolve(file))
  const { value, secrets } = resolveReferences(parseYaml(text, file), { env, directory, file })
  const parsed = configSchema.safeParse(value ?? {})
  if (!parsed.success) throw invalid(parsed.error.issues, file)
  const config = fromDirectory(parsed.data, directory)
  return { config, secrets: [...secrets, ...configSecrets(config)] }
}

function parseYaml(text: string, file: string): unknown {
  const document = parseDocument(text, { prettyErrors: true, uniqueKeys: true })
  const [error] = document.errors
  // Only the first line: the ones after it quote the file, secrets and all.
  if (error !== undefined)
    throw new DatapipeError('config-invalid', `${file} is not YAML: ${error.message.split('\n')[0]?.replace(/:$/, '')}`, { path: file })
  return document.toJS()
}

function invalid(issues: readonly z.core.$ZodIssue[], file: string): DatapipeError {
  const faults = issues.flatMap(describeIssue)
  const [first] = faults
  const message =
    faults.length === 1 && first !== undefined
      ? `${first.key}: ${first.fault}`
      : `${faults.length} faults in ${file}${faults.map(({ key, fault }) => `\n  ${key}: ${fault}`).join('')}`
  const suggestion = faults.length === 1 ? first?.suggestion : undefined
  return new DatapipeError('config-invalid', message, {
    path: `${file}: ${first?.key ?? ''}`,
    ...(suggestion === undefined ? {} : { hint: `did you mean ${suggestion}?` }),
  })
}

function describeIssue(issue: z.core.$ZodIssue): { key: string; fault: string; suggestion?: string }[] {
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(configSchema, issue.path)
    return issue.keys.map((name) => {
      const suggestion = nearest(name, known)
      const fault = suggestion === undefined ? `unknown key; known are ${known.join(', ')}` : `unknown key, did you mean ${suggestion}?`
      return { key: [...issue.path, name].join('.'), fault, ...(suggestion === undefined ? {} : { suggestion }) }
    })
  }
  const missing = issue.code === 'invalid_type' && issue.message.endsWith('received undefined')
  const fault = missing ? 'is missing' : issue.message.charAt(0).toLowerCase() + issue.message.slice(1)
  return [{ key: issue.path.join('.') || 'the file', fault }]
}

/** The certificates that a PostgreSQL URL names, from the file's directory as every other path. */
function withAbsoluteFiles(url: string, directory: string): string {
  if (!URL.canParse(url)) return url
  const parsed = new URL(url)
  const relative = ['sslrootcert', 'sslcert', 'sslkey'].flatMap((name) => {
    const path = parsed.searchParams.get(name)
    return path === null || path === '' || path === 'system' || isAbsolute(path) ? [] : [{ name, path }]
  })
  if (relative.length === 0) return url
  for (const { name, path } of relative) parsed.searchParams.set(name, resolve(directory, path))
  return parsed.toString()
}

function fromDirectory(config: DatapipeConfig, directory: string): DatapipeConfig {
  const { postgres } = config
  if (postgres === undefined) return config
  const { dataDirectory, binDirectory, archive, url } = postgres
  return {
    ...config,
    postgres: {
      ...postgres,
      url: withAbsoluteFiles(url, directory),
      ...(dataDirectory === undefined ? {} : { dataDirectory: resolve(directory, dataDirectory) }),
      ...(binDirectory === undefined ? {} : { binDirectory: resolve(directory, binDirectory) }),
      archive: archive.mode === 'directory' ? { ...archive, path: resolve(directory, archive.path) } : archive,
    },
  }
}
