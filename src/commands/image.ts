import { fileURLToPath } from 'node:url'
import type { Context } from '../base/context.ts'
import { ensureBaseImage } from '../image/base-image.ts'
import { buildImage } from '../image/build-image.ts'
import type { DebianRelease } from '../image/debian-sources.ts'
import { type ImageWeight, weighImage } from '../image/weigh-image.ts'
import { productVersion } from './version.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
/** What the Dockerfile copies, as `.dockerignore` lets it through. */
const files = ['package.json', 'package-lock.json', 'LICENSE', 'bin', 'src', 'fixtures/records']

export interface ImageOptions {
  /** `NAME:TAG`; `datapipe-backup-tools:latest` when left out. */
  tag?: string
  /** Debian has one major version a release: 17 in trixie, 15 in bookworm. */
  pgMajor?: number
  release?: DebianRelease
  /** A PEM file. */
  ca?: string
}

export interface ImageResult extends ImageWeight {
  tag: string
  id: string
  seconds: number
}

/**
 * Builds the backup-tools image: the base first, pulled or made, then `Dockerfile.backup-tools`, then a look inside at what weighs what.
 * Throws `tool-missing` without a docker CLI, `tool-failed` with the builder's last lines, `programs-missing` when there can be no base.
 */
export async function image(options: ImageOptions, context: Context): Promise<ImageResult> {
  const started = performance.now()
  const { tag = 'datapipe-backup-tools:latest', pgMajor = options.release === 'bookworm' ? 15 : 17, ca } = options
  const release = options.release ?? (pgMajor === 15 ? 'bookworm' : 'trixie')
  await ensureBaseImage(release, context)
  const id = await buildImage(
    {
      tag,
      dockerfile: `${root}Dockerfile.backup-tools`,
      files: Object.fromEntries(files.map((path) => [path, root + path])),
      hostDirectory: 'src/image/recipe/host',
      target: 'tools',
      buildArgs: { DEBIAN_RELEASE: release, PG_MAJOR: String(pgMajor), VERSION: productVersion },
      ...(ca === undefined ? {} : { ca }),
    },
    context,
  )
  const weight = await weighImage(tag, context)
  return { tag, id, ...weight, seconds: (performance.now() - started) / 1000 }
}
