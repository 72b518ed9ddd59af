import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { type Context, inPhase } from '../../base/context.ts'
import { startTool } from '../../clients/exec.ts'
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
  /** Build argument → a directory that is copied in; it is asked for only when something is to be built. */
  directories?: Record<string, () => Promise<string>>
  context: Context
}

/**
 * Builds an image unless there is one from the same recipe, base and arguments: that is told by a label, so that a warm start asks the
 * engine a question and reads no jar. Throws `tool-failed` with the build's last lines.
 */
export async function ensureImage(recipe: ImageRecipe): Promise<string> {
  const { reference, name, base, args = {}, context } = recipe
  const { signal } = context
  const content = await hashOf(recipe)
  if ((await imageId(reference, { signal })) !== undefined) {
    const found = (await docker(['image', 'inspect', '--format', `{{index .Config.Labels "${contentLabel}"}}`, reference], { signal })).trim()
    if (found === content) return reference
  }
  await inPhase(context, `build ${reference}`, async () => {
    const directories = await Promise.all(
      Object.entries(recipe.directories ?? {}).map(async ([argument, find]) => ({ argument, directory: await find() })),
    )
    const all = { BASE: base, ...args, ...Object.fromEntries(directories.map(({ argument, directory }) => [argument, basename(directory)])) }
    const files = [`${name}.Dockerfile`, ...((await ownFiles(name)).length > 0 ? [`images/${name}`] : [])]
    // Two loggers on one class path: which of them speaks would be a matter of luck.
    const tarArgs = ['-c', '--owner=0', '--group=0', '--numeric-owner', '--exclude=slf4j-reload4j-*.jar', '-C', fixtures, ...files]
    await using tar = await startTool(
      'tar',
      [...tarArgs, ...directories.flatMap(({ directory }) => ['-C', dirname(directory), basename(directory)])],
      {
        signal,
        stdout: 'pipe',
      },
    )
    const buildArgs = Object.entries(all).flatMap(([key, value]) => ['--build-arg', `${key}=${value}`])
    const build = ['build', '--quiet', '--label', `${contentLabel}=${content}`, '--tag', reference, '--file', `${name}.Dockerfile`, ...buildArgs, '-']
    await using engine = await startTool('docker', build, { signal, stdin: true })
    // The engine's own words matter more than a pipe that broke because of them.
    const sent = pipeline(tar.stdout, engine.stdin).catch((error: unknown) => error)
    await engine.succeeded()
    await tar.succeeded()
    const fault = await sent
    if (fault !== undefined) throw fault
  })
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
