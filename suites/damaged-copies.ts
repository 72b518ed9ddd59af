import { cp, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Artifact } from '../src/repository/artifact.ts'
import type { SmallPipeline } from './small-pipeline.ts'

/** A pipeline and its first backup, in `directory`/repository. */
export interface BackedUp {
  directory: string
  pipeline: SmallPipeline
  id: string
}

/** A copy of the repository to be damaged, and a datapipe.yaml for it; PostgreSQL's target is a new directory. */
export async function copyRepository(
  { directory, pipeline, id }: BackedUp,
  name: string,
): Promise<{ file: string; root: string; target: string; artifacts: Artifact[] }> {
  const root = join(directory, `copy-${name}`)
  const target = join(directory, `target-${name}`)
  await cp(join(directory, 'repository'), root, { recursive: true })
  const file = await pipeline.configFile(name, ({ repository, postgres }) => {
    repository.url = pathToFileURL(root).href
    postgres.dataDirectory = target
    delete postgres.startCommand
  })
  const { artifacts } = JSON.parse(await readFile(join(root, 'backups', id, 'manifest.json'), 'utf8')) as { artifacts: Artifact[] }
  return { file, root, target, artifacts }
}

/** The largest artifact that fits. */
export function oneOf(artifacts: Artifact[], component: Artifact['component'], pattern = /./): Artifact {
  const found = artifacts.filter((artifact) => artifact.component === component && pattern.test(artifact.path)).sort((a, b) => b.bytes - a.bytes)[0]
  if (found === undefined) throw new Error(`no artifact of ${component} fits ${pattern}`)
  return found
}
