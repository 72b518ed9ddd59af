import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Context } from '../../base/context.ts'
import { buildImage } from '../../image/build-image.ts'
import { docker, imageId } from '../../image/docker.ts'

const fixtures = fileURLToPath(new URL('../../../fixtures/stack', import.meta.url))
const contentLabel = 'datapipe.stack.content'

export interface ImageRecipe {
  reference: string
  /** `NAME` of fixtures/stack/NAME.Dockerfile; its own files are in images/NAME. */
  name: string
  /** The image that it builds on. */
  base: string
  /** Build arguments beside BASE. */
  args?: Record<string, string>
  /** Directory of the build's context → one of this host; it is asked for only when something is to be built. */
  directories?: Record<string, () => Promise<string>>
  context: Context
}

/**
 * Builds an image unless there is one from the same recipe, base and arguments: that is told by a label, so that a warm start asks the
 * engine a question and reads no jar. Throws `tool-failed` with the build's last lines.
 */
export async function ensureImage(recipe: ImageRecipe): Promise<string> {
  const { reference, name, base, args = {}, directories = {}, context } = recipe
  const { signal } = context
  const content = await hashOf(recipe)
  if ((await imageId(reference, { signal })) !== undefined) {
    const found = (await docker(['image', 'inspect', '--format', `{{index .Config.Labels "${contentLabel}"}}`, reference], { signal })).trim()
    if (found === content) return reference
  }
  const files: Record<string, string> = {}
  for (const file of await ownFiles(name)) files[file] = join(fixtures, file)
  for (const [directory, find] of Object.entries(directories)) files[directory] = await find()
  const build = { tag: reference, dockerfile: join(fixtures, `${name}.Dockerfile`), files, buildArgs: { BASE: base, ...args } }
  await buildImage({ ...build, labels: { [contentLabel]: content } }, context)
  return reference
}

async function hashOf({ name, base, args = {}, directories = {}, reference, context }: ImageRecipe): Promise<string> {
  const hash = createHash('sha256')
  const baseId = await imageId(base, { signal: context.signal })
  hash.update(JSON.stringify([reference, baseId, args, Object.keys(directories)]))
  for (const file of [`${name}.Dockerfile`, ...(await ownFiles(name))]) hash.update(file).update(await readFile(join(fixtures, file)))
  return hash.digest('hex').slice(0, 16)
}

async function ownFiles(name: string): Promise<string[]> {
  const names = await readdir(join(fixtures, 'images', name)).catch((): string[] => [])
  return names.sort().map((file) => join('images', name, file))
}
