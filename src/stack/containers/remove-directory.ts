import { rm } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { docker } from '../../image/docker.ts'

/** Removes a directory with what containers' users have written into it; where that is not ours to remove, a container does it. */
export async function removeDirectory(directory: string, image: string): Promise<void> {
  try {
    await rm(directory, { recursive: true, force: true })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && (error.code === 'EACCES' || error.code === 'EPERM'))) throw error
    const mount = `type=bind,source=${dirname(directory)},target=/parent`
    await docker([
      'run',
      '--rm',
      '--user',
      '0',
      '--network',
      'none',
      '--entrypoint',
      'rm',
      '--mount',
      mount,
      image,
      '-rf',
      `/parent/${basename(directory)}`,
    ])
  }
}
