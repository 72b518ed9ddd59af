import { z } from 'zod'
import { DatapipeError } from '../../base/errors.ts'
import type { ArtifactReader } from '../../repository/artifact.ts'
import { parseSnapshot, type RegistrySnapshot } from './snapshot.ts'

export const registryRoutes = ['native', 'rest-import', 'raw-topic'] as const
export type RegistryRoute = (typeof registryRoutes)[number]

/** The registry's part of a manifest. */
export const registryPartSchema = z.strictObject({
  format: z.literal(1),
  kind: z.enum(['confluent', 'apicurio', 'karapace', 'other']),
  version: z.string(),
  /** URL of the source's Confluent-compatible API, without credentials. */
  identity: z.string(),
  counts: z.strictObject({
    subjects: z.number().int(),
    versions: z.number().int(),
    deletedVersions: z.number().int(),
    ids: z.number().int(),
    contexts: z.number().int(),
  }),
  /** Every id with the SHA-256 of its canonical schema text; `subject` has it, and names the context to ask in. */
  ids: z.array(
    z.strictObject({
      context: z.string(),
      id: z.number().int(),
      subject: z.string(),
      type: z.string(),
      deleted: z.boolean(),
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
    }),
  ),
  /** The topic behind the registry, and topics that must be empty for the raw route to be whole (an Apicurio journal behind a snapshot is not). */
  topic: z.strictObject({ name: z.string(), mustBeEmpty: z.array(z.string()) }),
  /** The ways back that this part has what it takes for; `raw-topic` also needs the topic in the Kafka part. */
  routes: z.array(z.enum(registryRoutes)),
  /** Paths of the artifacts, relative to the repository root. */
  artifacts: z.strictObject({ snapshot: z.string(), nativeExport: z.string().optional() }),
})
export type RegistryPart = z.infer<typeof registryPartSchema>

/** Throws `format-too-new` or `artifact-damaged` when the part does not fit. */
export function parseRegistryPart(part: unknown): RegistryPart {
  const format = (part as { format?: unknown } | null)?.format
  if (typeof format === 'number' && format > 1) throw new DatapipeError('format-too-new', `the registry part has format ${format}`)
  const result = registryPartSchema.safeParse(part)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  throw new DatapipeError(
    'artifact-damaged',
    `the registry part of the manifest does not parse: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`,
  )
}

/** Reads and checks `registry.json`. Throws `artifact-missing`, `artifact-damaged`, `format-too-new`. */
export async function readPartSnapshot(part: RegistryPart, reader: ArtifactReader): Promise<RegistrySnapshot> {
  return parseSnapshot((await readPartArtifact(part.artifacts.snapshot, reader)).toString('utf8'))
}

export async function readPartArtifact(path: string, reader: ArtifactReader): Promise<Buffer> {
  const artifact = reader.artifacts.find((item) => item.path === path)
  if (artifact === undefined) throw new DatapipeError('artifact-missing', `the manifest lists no ${path}`, { path })
  return await reader.readAll(artifact)
}
