import { type Context, inPhase } from '../../base/context.ts'
import { DatapipeError, describeError } from '../../base/errors.ts'
import { docker, imageId } from '../../image/docker.ts'
import { ensureImage } from './ensure-image.ts'
import { confluentVersion, type ServerVersions } from './server-versions.ts'
import type { StackImages } from './stack-images.ts'

/** The images as their makers publish them. Throws `image-missing` with what the pull said. */
export async function officialImages(versions: ServerVersions, context: Context): Promise<StackImages> {
  const confluent = confluentVersion(versions.kafka)
  const postgres = await pulled(`postgres:${versions.postgres}`, context)
  const kafka = await pulled(`confluentinc/cp-kafka:${confluent}`, context)
  const registry = await pulled(`confluentinc/cp-schema-registry:${confluent}`, context)
  const debezium = await pulled(`quay.io/debezium/connect:${versions.debezium}`, context)
  const connect = await ensureImage({
    reference: `datapipe-stack/debezium-connect-confluent:${versions.debezium}-${confluent}`,
    name: 'connect-confluent',
    base: debezium,
    args: { REGISTRY: registry },
    context,
  })
  const server = await docker(['run', '--rm', postgres, 'postgres', '--version'])
  return {
    images: { postgres, kafka, registry, connect },
    registryKind: 'confluent',
    versions: {
      postgresql: /\(PostgreSQL\) ([0-9.]+)/.exec(server)?.[1] ?? versions.postgres,
      kafka: versions.kafka,
      debezium: versions.debezium,
      confluentPlatform: confluent,
    },
  }
}

async function pulled(reference: string, context: Context): Promise<string> {
  const { signal } = context
  if ((await imageId(reference, { signal })) !== undefined) return reference
  try {
    await inPhase(context, `pull ${reference}`, () => docker(['pull', '--quiet', reference], { signal }))
  } catch (cause) {
    if (signal.aborted) throw cause
    // `Get "https://…": dial tcp: lookup … on …: no such host`: the end is the reason, the rest is this machine's way there; the cause has all of it.
    throw new DatapipeError('image-missing', `${reference} could not be pulled: ${describeError(cause).trim().split(': ').at(-1)}`, { cause })
  }
  return reference
}
