import type { Context } from '../base/context.ts'
import { DatapipeError } from '../base/errors.ts'
import type { ComponentName } from '../base/events.ts'
import type { Finding } from '../base/finding.ts'
import type { Storage } from '../storage/storage.ts'
import type { Artifact } from './artifact.ts'
import { verifiedStream } from './artifact-reader.ts'
import { backupPrefix, componentNames, manifestPath, manifestSumPath } from './layout.ts'
import type { Manifest } from './manifest.ts'

export interface ArtifactsVerdict {
  files: number
  bytes: number
  /** `artifact-damaged` and `artifact-missing` are harm; `file-unlisted` is a note. */
  findings: Finding[]
}

/**
 * Reads the artifacts of a backup (all, or those given) and compares size and SHA-256 with the manifest; looks for files that it does
 * not list.
 * Damage is a finding; only a storage that does not work throws.
 */
export async function verifyArtifacts(
  storage: Storage,
  manifest: Manifest,
  context: Context,
  artifacts: Artifact[] = manifest.artifacts,
): Promise<ArtifactsVerdict> {
  const total = artifacts.reduce((sum, { bytes }) => sum + bytes, 0)
  const findings: Finding[] = []
  let done = 0
  let before = 0
  for (const artifact of artifacts) {
    const finding = await verifyArtifact(storage, artifact, context, (bytes) => {
      done += bytes
      context.emit({ type: 'progress', task: 'checksums', done, total, unit: 'bytes' })
    })
    if (finding !== undefined) findings.push(finding)
    before += artifact.bytes
    done = before
  }
  findings.push(...(await unlistedFiles(storage, manifest, context)))
  return { files: artifacts.length, bytes: total, findings }
}

async function verifyArtifact(
  storage: Storage,
  artifact: Artifact,
  context: Context,
  progress: (bytes: number) => void,
): Promise<Finding | undefined> {
  try {
    for await (const chunk of verifiedStream(storage, artifact, context)) progress(chunk.byteLength)
    return undefined
  } catch (error) {
    if (!(error instanceof DatapipeError) || (error.code !== 'artifact-damaged' && error.code !== 'artifact-missing')) throw error
    return {
      severity: 'harm',
      code: error.code,
      component: artifact.component,
      item: artifact.path,
      message: error.code === 'artifact-missing' ? `${artifact.path} is missing: ${artifact.bytes} bytes, sha256 ${artifact.sha256}` : error.message,
      next: 'datapipe list, then restore another backup',
    }
  }
}

async function unlistedFiles(storage: Storage, manifest: Manifest, context: Context): Promise<Finding[]> {
  const prefix = backupPrefix(manifest.id)
  const known = new Set([...manifest.artifacts.map(({ path }) => path), manifestPath(manifest.id), manifestSumPath(manifest.id)])
  const findings: Finding[] = []
  for await (const { path, bytes } of storage.list(prefix)) {
    if (known.has(path)) continue
    const component = path.slice(prefix.length).split('/')[0]
    const message = `${path} (${bytes} bytes) is not in the manifest; nothing reads it`
    if (isComponent(component)) findings.push({ severity: 'note', code: 'file-unlisted', component, item: path, message })
    else context.emit({ type: 'log', level: 'info', message })
  }
  return findings
}

function isComponent(name: string | undefined): name is ComponentName {
  return componentNames.some((component) => component === name)
}
