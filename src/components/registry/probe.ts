import type { RegistryConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { openRegistry, type RegistryConnection, type RegistryKind } from '../../clients/registry.ts'

export interface RegistryProbe {
  kind: RegistryKind
  version: string
  /** URL of the Confluent-compatible API, without credentials: the registry's identity, as none of them has an id of its own. */
  identity: string
  capabilities: {
    /** Ways back into this server that keep ids. `other` servers get `rest-import`, which checks the first id it gets. */
    keepsIds: ('native' | 'rest-import' | 'raw-topic')[]
    listsDeleted: boolean
    contexts: boolean
    nativeExport: boolean
    /** Which id Apicurio puts on the wire over its compatible API; must be the same at both ends. */
    wireId: 'id' | 'contentId' | 'globalId'
  }
  empty: boolean
  /** Apicurio without a subject: contents of deleted schemas that it still keeps, with their ids. */
  leftOver: number
  /** The first subjects, or what else stands in the way. */
  contents: string[]
  connection: RegistryConnection
}

/**
 * Which registry this is, what it can, and whether it is empty. Reads only.
 * Apicurio's compatible API answers `PUT /mode IMPORT` with success and then gives ids of its own (measured, 3.3.3): never offered as a way back.
 * Karapace answers it with 405. Throws `unreachable`, `unauthorized`, `not-supported`.
 */
export async function probeRegistry(config: RegistryConfig, context: Context): Promise<RegistryProbe> {
  const connection = await openRegistry(config, context.signal)
  const { kind, version, url: identity, confluent, native } = connection
  if (native !== undefined) {
    const [artifacts, properties] = [await native.artifacts(), await native.properties()]
    const contents = artifacts.map((item) => item.artifactId)
    // Content of deleted schemas stays until a clean-up that 3.3.3 does not get done; an import over it is refused, or worse, half done.
    const leftOver = contents.length === 0 ? contentsIn(await native.exportZip()) : 0
    if (leftOver > 0) contents.push(`${leftOver} left-over content${leftOver === 1 ? '' : 's'} of deleted schemas`)
    return {
      kind,
      version,
      identity,
      capabilities: {
        keepsIds: ['native', 'raw-topic'],
        listsDeleted: true,
        contexts: false,
        nativeExport: true,
        wireId: properties?.['apicurio.ccompat.legacy-id-mode.enabled'] === 'true' ? 'globalId' : 'contentId',
      },
      empty: contents.length === 0,
      leftOver,
      contents,
      connection,
    }
  }
  const subjects = await confluent.subjects({ deleted: true })
  return {
    kind,
    version,
    identity,
    capabilities: {
      keepsIds: kind === 'karapace' ? ['raw-topic'] : ['rest-import', 'raw-topic'],
      listsDeleted: true,
      contexts: kind === 'confluent',
      nativeExport: false,
      wireId: 'id',
    },
    empty: subjects.length === 0,
    leftOver: 0,
    contents: subjects,
    connection,
  }
}

function contentsIn(zip: Buffer): number {
  return zipEntries(zip).filter((entry) => entry.name.startsWith('content/') && entry.name.endsWith('.Content.json')).length
}

export interface ZipEntry {
  name: string
  /** Uncompressed size. */
  bytes: number
}

/**
 * The central directory of a zip (PKWARE APPNOTE 4.3.12, 4.3.16; no zip64: Apicurio's own import limit is 100 MiB).
 * Gives an empty list for anything that is not a zip.
 */
export function zipEntries(zip: Buffer): ZipEntry[] {
  const end = zip.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'))
  if (end === -1 || end + 22 > zip.length) return []
  const entries: ZipEntry[] = []
  let at = zip.readUInt32LE(end + 16)
  for (let left = zip.readUInt16LE(end + 10); left > 0 && at + 46 <= zip.length && zip.readUInt32LE(at) === 0x02014b50; left--) {
    const nameLength = zip.readUInt16LE(at + 28)
    entries.push({ name: zip.toString('utf8', at + 46, at + 46 + nameLength), bytes: zip.readUInt32LE(at + 24) })
    at += 46 + nameLength + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32)
  }
  return entries
}
