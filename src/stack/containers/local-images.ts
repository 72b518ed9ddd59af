import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import { ensureBaseImage } from '../../image/base-image.ts'
import { docker } from '../../image/docker.ts'
import { cacheDirectory } from '../embedded/cache.ts'
import { withLock } from '../embedded/with-lock.ts'
import { ensureImage } from './ensure-image.ts'
import { apicurioVersions, confluentVersion, postgresReleases, type ServerVersions } from './server-versions.ts'
import { serverJars } from './server-jars.ts'
import type { StackImages } from './stack-images.ts'
import { join } from 'node:path'
import { mkdir } from 'node:fs/promises'

/**
 * Images that are built here, from Debian's packages and Maven's jars, behind the contracts of the official ones. One Java below all, one
 * layer of jars under broker and worker of a version. Two processes that want them at once take turns.
 */
export async function localImages(versions: ServerVersions, context: Context): Promise<StackImages> {
  const release = postgresReleases[versions.postgres]
  if (release === undefined) {
    const known = Object.keys(postgresReleases).join(', ')
    throw new DatapipeError('image-missing', `no Debian release that images are built on has PostgreSQL ${versions.postgres}`, {
      hint: `the local profile has ${known}`,
    })
  }
  const directory = join(cacheDirectory(), 'stack')
  await mkdir(directory, { recursive: true })
  return await withLock(join(directory, 'images.lock'), context, () => build(versions, release, context))
}

async function build(versions: ServerVersions, release: 'bookworm' | 'trixie', context: Context): Promise<StackImages> {
  const trixie = await ensureBaseImage('trixie', context)
  const java = await ensureImage({ reference: 'datapipe-stack/java:21', name: 'java', base: trixie, context })
  const kafka = (version: string) =>
    ensureImage({
      reference: `datapipe-stack/kafka:${confluentVersion(version)}`,
      name: 'kafka',
      base: java,
      directories: { jars: () => serverJars('kafka', version, context) },
      context,
    })
  const broker = await kafka(versions.kafka)
  const worker = await kafka(versions.connect)
  const postgres = await ensureImage({
    reference: `datapipe-stack/postgres:${versions.postgres}`,
    name: 'postgres',
    base: release === 'trixie' ? trixie : await ensureBaseImage(release, context),
    args: { POSTGRES_MAJOR: versions.postgres },
    context,
  })
  const registry = await ensureImage({
    reference: `datapipe-stack/apicurio-registry:${apicurioVersions.registry}`,
    name: 'registry',
    base: java,
    directories: { jars: () => serverJars('registry', apicurioVersions.registry, context) },
    context,
  })
  const connect = await ensureImage({
    reference: `datapipe-stack/debezium-connect:${versions.debezium}-kafka-${versions.connect}`,
    name: 'connect',
    base: worker,
    directories: {
      debezium: () => serverJars('debezium', versions.debezium, context),
      converter: () => serverJars('converter', apicurioVersions.converter, context),
    },
    context,
  })
  const server = await docker(['run', '--rm', '--entrypoint', `/usr/lib/postgresql/${versions.postgres}/bin/postgres`, postgres, '--version'])
  return {
    images: { postgres, kafka: broker, registry, connect },
    registryKind: 'apicurio',
    versions: {
      postgresql: /\(PostgreSQL\) ([0-9.]+)/.exec(server)?.[1] ?? versions.postgres,
      kafka: versions.kafka,
      ...(versions.connect === versions.kafka ? {} : { connect: versions.connect }),
      debezium: versions.debezium,
      apicurioRegistry: apicurioVersions.registry,
      apicurioConverter: apicurioVersions.converter,
    },
  }
}
