import { readdir, readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'
import { DatapipeError } from '../base/errors.ts'
import { runTool } from '../clients/exec.ts'
import { findOnPath } from '../stack/embedded/programs.ts'
import { debianMirror } from './debian-sources.ts'

type Environment = Readonly<Record<string, string | undefined>>

/**
 * How this host reaches package registries, as files for `recipe/host/apply.sh` in a build: name → contents, only those the host has.
 * `ca.crt` holds certificates beyond the public ones, from `ca` (a PEM file), the environment and Debian's directory of local ones.
 * They may hold credentials: a build puts them into its context, and no image keeps them. Throws `config-invalid` for a `ca` without certificates.
 */
export async function hostSettings(options: { ca?: string; environment?: Environment }): Promise<Record<string, string>> {
  const environment = options.environment ?? process.env
  const files: Record<string, string | undefined> = {
    'ca.crt': extraCertificates(await certificateTexts(options.ca, environment)),
    'apt.conf': findOnPath('apt-config') === undefined ? undefined : aptSettings(await runTool('apt-config', ['dump', 'Acquire'])),
    'apt-mirror': otherMirror(await aptSources()),
    'settings.xml': await firstOf([join(homedir(), '.m2/settings.xml'), '/etc/maven/settings.xml']),
    npmrc: npmSettings((await firstOf([environment.NPM_CONFIG_USERCONFIG ?? join(homedir(), '.npmrc')])) ?? ''),
    'pip.conf': pipSettings((await firstOf([join(homedir(), '.config/pip/pip.conf'), join(homedir(), '.pip/pip.conf'), '/etc/pip.conf'])) ?? ''),
  }
  return Object.fromEntries(Object.entries(files).flatMap(([name, text]) => (text === undefined || text === '' ? [] : [[name, text]])))
}

async function certificateTexts(ca: string | undefined, environment: Environment): Promise<string[]> {
  const texts: string[] = []
  if (ca !== undefined) {
    const text = await readFile(ca, 'utf8').catch((cause: unknown) => {
      throw new DatapipeError('config-invalid', `cannot read the certificates ${ca}`, { path: ca, cause })
    })
    if (certificatesOf(text).length === 0)
      throw new DatapipeError('config-invalid', `${ca} holds no certificate`, { path: ca, hint: 'it must be PEM: BEGIN CERTIFICATE' })
    texts.push(text)
  }
  const local = '/usr/local/share/ca-certificates'
  const named = (await readdir(local).catch((): string[] => [])).filter((name) => name.endsWith('.crt')).sort()
  // Where there are local ones they are what was added; a whole bundle would bring roots back that Debian no longer trusts.
  const bundles = [environment.NODE_EXTRA_CA_CERTS, environment.SSL_CERT_FILE].filter((path) => path !== undefined)
  const paths = named.length > 0 ? named.map((name) => join(local, name)) : bundles
  const found = await Promise.all(paths.map((path) => firstOf([path])))
  return [...texts, ...found.flatMap((text) => text ?? [])]
}

/** The certificates of PEM texts that are not among the public roots, each once. */
export function extraCertificates(texts: readonly string[], known: readonly string[] = rootCertificates): string {
  const bare = (pem: string) => pem.replace(/\s/g, '')
  const seen = new Set(known.map(bare))
  return texts
    .flatMap(certificatesOf)
    .filter((pem) => !seen.has(bare(pem)) && seen.add(bare(pem)))
    .map((pem) => `${pem}\n`)
    .join('')
}

const certificatesOf = (text: string): string[] => text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? []

/** Of `apt-config dump`: proxies, and whether old package lists count (mirrors that are frozen need that). */
export function aptSettings(dump: string): string {
  const wanted = /^Acquire::((http|https)::Proxy\b|Check-(Valid-Until|Date)\b)\S* "[^"]+";$/
  return dump
    .split('\n')
    .filter((line) => wanted.test(line))
    .map((line) => `${line}\n`)
    .join('')
}

function otherMirror(sources: string): string | undefined {
  const mirror = debianMirror(sources)
  return mirror === 'http://deb.debian.org/debian' ? undefined : mirror
}

/** Of an npmrc: registries, their credentials, and proxies; paths of this host mean nothing in a build. */
export function npmSettings(text: string): string {
  return keptLines(text, /^(@[^:=]+:)?registry\s*=|^\/\/|^(https?-)?proxy\s*=|^noproxy\s*=/)
}

/** Of a pip.conf: indexes and proxies, below the section that counts for every command. */
export function pipSettings(text: string): string {
  const lines = keptLines(text, /^(index-url|extra-index-url|trusted-host|proxy)\s*=/)
  return lines === '' ? '' : `[global]\n${lines}`
}

function keptLines(text: string, wanted: RegExp): string {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => wanted.test(line))
    .map((line) => `${line}\n`)
    .join('')
}

/** Debian's own and added sources of this host, one text. */
export async function aptSources(): Promise<string> {
  const directory = '/etc/apt/sources.list.d'
  const names = (await readdir(directory).catch((): string[] => [])).sort()
  const texts = await Promise.all(['/etc/apt/sources.list', ...names.map((name) => join(directory, name))].map((file) => firstOf([file])))
  return texts.filter((text) => text !== undefined).join('\n')
}

/** The text of the first file that can be read. */
async function firstOf(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const text = await readFile(path, 'utf8').catch(() => undefined)
    if (text !== undefined) return text
  }
  return undefined
}
