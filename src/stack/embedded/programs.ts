import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { fallbackJava } from './cache.ts'

/** What the embedded stack runs on; undefined: not found, or too old. */
export interface FoundPrograms {
  /** `java` of a Java 21 or newer (the registry needs it). */
  java?: { program: string; version: string }
  maven?: string
  /** The directory of PostgreSQL's server programs, 15 or newer. */
  postgres?: { bin: string; version: string }
}

export const minimumJava = 21
export const minimumPostgres = 15

/** Looks where Debian and people put them: JAVA_HOME, PATH, /usr/lib/jvm, the cache; PATH; /usr/lib/postgresql, pg_config, PATH. */
export async function findPrograms(environment: NodeJS.ProcessEnv = process.env): Promise<FoundPrograms> {
  const [java, maven, postgres] = await Promise.all([findJava(environment), findOnPath('mvn', environment), findPostgres(environment)])
  return { ...(java && { java }), ...(maven && { maven }), ...(postgres && { postgres }) }
}

async function findJava(environment: NodeJS.ProcessEnv): Promise<FoundPrograms['java']> {
  const home = environment.JAVA_HOME
  const candidates = [
    ...(home ? [join(home, 'bin', 'java')] : []),
    findOnPath('java', environment),
    ...(await entries('/usr/lib/jvm')).map((name) => join('/usr/lib/jvm', name, 'bin', 'java')),
    fallbackJava(environment),
  ]
  for (const program of candidates) {
    if (program === undefined || !existsSync(program)) continue
    const version = /version "([^"]+)"/.exec(await said(program, ['-version']))?.[1]
    if (version !== undefined && Number.parseInt(version, 10) >= minimumJava) return { program, version }
  }
  return undefined
}

async function findPostgres(environment: NodeJS.ProcessEnv): Promise<FoundPrograms['postgres']> {
  const versions = (await entries('/usr/lib/postgresql')).sort((a, b) => Number.parseInt(b, 10) - Number.parseInt(a, 10))
  const pgConfig = findOnPath('pg_config', environment)
  const initdb = findOnPath('initdb', environment)
  const candidates = [
    ...versions.map((version) => join('/usr/lib/postgresql', version, 'bin')),
    ...(pgConfig ? [(await said(pgConfig, ['--bindir'])).trim()] : []),
    ...(initdb ? [join(initdb, '..')] : []),
  ]
  for (const bin of candidates) {
    if (!['postgres', 'initdb', 'pg_isready', 'pg_basebackup'].every((name) => existsSync(join(bin, name)))) continue
    const version = /\(PostgreSQL\) ([0-9.]+)/.exec(await said(join(bin, 'postgres'), ['--version']))?.[1]
    if (version !== undefined && Number.parseInt(version, 10) >= minimumPostgres) return { bin, version }
  }
  return undefined
}

/** The first executable of this name on PATH. */
export function findOnPath(name: string, environment: NodeJS.ProcessEnv = process.env): string | undefined {
  const directories = (environment.PATH ?? '').split(delimiter).filter((directory) => directory !== '')
  return directories.map((directory) => join(directory, name)).find((path) => existsSync(path))
}

async function entries(directory: string): Promise<string[]> {
  return existsSync(directory) ? await readdir(directory) : []
}

/** What a program prints on both streams; empty when it cannot be run, which makes it no candidate. */
async function said(program: string, args: string[]): Promise<string> {
  try {
    const { stdout, stderr } = await promisify(execFile)(program, args)
    return stdout + stderr
  } catch {
    return ''
  }
}
