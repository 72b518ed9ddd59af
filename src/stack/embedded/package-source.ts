import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import type { Context } from '../../base/context.ts'
import type { PackageSource } from './install-plan.ts'
import { runAsRoot } from './install-programs.ts'
import { findOnPath } from './programs.ts'

const run = promisify(execFile)
const names = [
  ...[21, 22, 23, 24, 25, 26, 27].map((version) => `openjdk-${version}-jre-headless`),
  ...[15, 16, 17, 18, 19, 20].map((version) => `postgresql-${version}`),
  'maven',
  'python3-pip',
]

/** What this machine can install from. Where apt has no package lists yet (a fresh image), what its release is known to have counts. */
export async function packageSource(fallbackDirectory: string): Promise<PackageSource> {
  const apt = findOnPath('apt-get') !== undefined
  const candidates = apt ? await aptCandidates() : new Set<string>()
  const offered = candidates.size > 0 ? candidates : apt ? releasePackages(await readFile('/etc/os-release', 'utf8')) : candidates
  const pip = await run('python3', ['-m', 'pip', '--version']).then(
    () => true,
    () => false,
  )
  return { apt, pip, offers: (name) => offered.has(name), fallbackDirectory }
}

/** Brings apt's package lists up to date, where there is apt. */
export async function refreshPackageLists(context: Context): Promise<void> {
  if (findOnPath('apt-get') !== undefined) await runAsRoot('apt-get', ['update', '-q'], context)
}

async function aptCandidates(): Promise<Set<string>> {
  const { stdout } = await run('apt-cache', ['policy', ...names], { env: { ...process.env, LC_ALL: 'C' } })
  const found = new Set<string>()
  let name = ''
  for (const line of stdout.split('\n')) {
    if (/^\S+:$/.test(line)) name = line.slice(0, -1)
    const candidate = /^\s+Candidate: (\S+)/.exec(line)?.[1]
    if (candidate !== undefined && candidate !== '(none)') found.add(name)
  }
  return found
}

/** Packages of the releases that people have, from `VERSION_CODENAME` of os-release(5); empty for any other. */
export function releasePackages(osRelease: string): Set<string> {
  const codename = /^VERSION_CODENAME="?([a-z]+)"?$/m.exec(osRelease)?.[1] ?? ''
  const special: Record<string, string[]> = {
    bookworm: ['postgresql-15'],
    trixie: ['postgresql-17', 'openjdk-21-jre-headless'],
    jammy: ['openjdk-21-jre-headless'],
    noble: ['postgresql-16', 'openjdk-21-jre-headless'],
  }
  const packages = special[codename]
  return new Set(packages === undefined ? [] : [...packages, 'maven', 'python3-pip'])
}
