import type { ArtifactReader } from './artifact.ts'

/** The same reader, noting in `intact` the path of every artifact that was read to its end and matched: it need not be read again. */
export function trackingReader(reader: ArtifactReader, intact: Set<string>): ArtifactReader {
  return {
    artifacts: reader.artifacts,
    async *read(artifact, pool) {
      yield* reader.read(artifact, pool)
      intact.add(artifact.path)
    },
    async readAll(artifact) {
      const bytes = await reader.readAll(artifact)
      intact.add(artifact.path)
      return bytes
    },
  }
}
