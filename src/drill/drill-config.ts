import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { DatapipeConfig } from '../base/config.ts'
import type { Stack } from '../stack/stack.ts'

export interface DrillPlace {
  stack: Stack
  /** The directory of the drill's evidence; the repository is in it. */
  directory: string
  archiveMode: 'directory' | 'receive'
}

export function repositoryDirectory(directory: string): string {
  return join(directory, 'repository')
}

/** The engine's configuration on this machine. */
export function drillConfig({ stack, directory, archiveMode }: DrillPlace): DatapipeConfig {
  const config = stack.config(pathToFileURL(repositoryDirectory(directory)).href)
  if (config.postgres === undefined) return config
  const archive =
    archiveMode === 'receive' ? { mode: 'receive' as const, slot: 'datapipe_wal' } : { mode: 'directory' as const, path: stack.archiveDirectory }
  return { ...config, postgres: { ...config.postgres, archive } }
}
