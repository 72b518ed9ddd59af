import type { Context } from '../../base/context.ts'
import { DatapipeError, describeError } from '../../base/errors.ts'
import type { ConfluentApi } from '../../clients/registry/confluent-api.ts'
import { canonicalSchema } from './canonical.ts'
import { parentsFirst } from './parents-first.ts'
import { type RegistrySnapshot, type SnapshotVersion, versionKey } from './snapshot.ts'
import { contextOf } from './subject.ts'

/**
 * Confluent's way to keep ids: mode IMPORT. The order is what makes it exact (measured on 7.6.13 and 8.3.1):
 * 1. IMPORT globally *and* in each context (the global mode does not reach them). Forced only when something of this backup is already there.
 * 2. POST every version, live and deleted, with id and version, parents first. Each place is read before it is written: the server overwrites
 *    a version with other content without a word.
 * 3. Soft-delete last, in reverse: registering content again would bury a deleted version.
 * 4. Configurations while still in IMPORT (READONLY would refuse them), then modes of subjects, of contexts, and the global one last.
 * Whatever happens, no context and not the registry is left in IMPORT: a failure puts back the modes that were found.
 *
 * Throws `target-not-empty` when the target holds something that is not in the backup, `ids-would-change` when the server gives another id
 * than it was asked for (Apicurio's compatible API does: mode IMPORT is answered with success and ignored).
 */
export async function restImport(options: {
  api: ConfluentApi
  snapshot: RegistrySnapshot
  context: Context
}): Promise<{ written: number; present: number }> {
  const { api, snapshot, context } = options
  const present = await presentOfBackup(api, snapshot)
  const namespaces = [...new Set(snapshot.versions.map((version) => contextOf(version.subject)))].filter((name) => name !== '.')
  const scopes = [undefined, ...namespaces.map((name) => `:${name}:`)]
  const before = new Map<string | undefined, string | undefined>()
  for (const scope of scopes) before.set(scope, await api.mode(scope))

  let finished = false
  try {
    for (const scope of scopes) await api.setMode('IMPORT', scope, { force: present.size > 0 })
    const ordered = parentsFirst(snapshot.versions)
    let done = 0
    for (const version of ordered) {
      context.signal.throwIfAborted()
      if (!present.has(versionKey(version))) await write(api, version)
      done++
      if (done % 100 === 0) context.emit({ type: 'progress', task: 'registry import', done, total: ordered.length, unit: 'items' })
    }
    for (const version of ordered.toReversed()) {
      if (version.deleted && (await api.version(version.subject, Number(version.version))) !== undefined)
        await api.deleteVersion(version.subject, Number(version.version))
    }
    for (const [subject, config] of Object.entries(snapshot.config.subjects)) await api.setConfig(config, subject)
    if (Object.keys(snapshot.config.global).length > 0) await api.setConfig(snapshot.config.global)
    await setModes(api, snapshot, scopes)
    finished = true
    return { written: ordered.length - present.size, present: present.size }
  } catch (error) {
    if (context.signal.aborted) throw new DatapipeError('interrupted', 'interrupted while importing schemas', { cause: error })
    throw error
  } finally {
    if (!finished) await putBack(api, before, context)
  }
}

/** Versions of the backup that the target has already (a run that was interrupted); anything else there is `target-not-empty`. */
export async function presentOfBackup(api: ConfluentApi, snapshot: RegistrySnapshot): Promise<Set<string>> {
  const wanted = new Map(snapshot.versions.map((version) => [versionKey(version), version]))
  const present = new Set<string>()
  for (const subject of await api.subjects({ deleted: true })) {
    for (const number of await api.versions(subject, { deleted: true })) {
      const found = await api.version(subject, number, { deleted: true })
      const version = wanted.get(versionKey({ subject, version: String(number) }))
      if (
        version === undefined ||
        found === undefined ||
        found.id !== version.id ||
        canonicalSchema(found.schemaType, found.schema) !== canonicalSchema(version.type, version.schema)
      ) {
        throw new DatapipeError('target-not-empty', `the registry already holds ${subject}/${number}, which is not in the backup as it is there`)
      }
      present.add(versionKey(version))
    }
  }
  return present
}

async function write(api: ConfluentApi, version: SnapshotVersion): Promise<void> {
  const number = Number(version.version)
  if (!Number.isSafeInteger(number)) throw new DatapipeError('not-supported', `version ${version.version} of ${version.subject} is not a number`)
  const there = await api.version(version.subject, number, { deleted: true })
  if (there !== undefined)
    throw new DatapipeError('target-not-empty', `${version.subject}/${number} appeared in the registry during the restore, with id ${there.id}`)
  const id = await api.register(version.subject, {
    schema: version.schema,
    schemaType: version.type,
    references: version.references.map((reference) => ({ ...reference, version: Number(reference.version) })),
    metadata: version.metadata,
    ruleSet: version.ruleSet,
    id: version.id,
    version: number,
  })
  const got = id === version.id ? await api.version(version.subject, number) : undefined
  if (got?.id !== version.id) {
    throw new DatapipeError(
      'ids-would-change',
      `the registry gave ${version.subject}/${number} the id ${got?.id ?? id}, asked for ${version.id}: its mode IMPORT does not keep ids`,
      {
        path: `${version.subject}/${number}`,
      },
    )
  }
}

async function setModes(api: ConfluentApi, snapshot: RegistrySnapshot, scopes: (string | undefined)[]): Promise<void> {
  const isScope = (subject: string) => scopes.includes(subject)
  // Forced, because IMPORT is refused where live subjects are; other modes do not mind.
  const set = (mode: string, subject?: string) => api.setMode(mode, subject, { force: mode === 'IMPORT' })
  for (const [subject, mode] of Object.entries(snapshot.mode.subjects)) if (!isScope(subject)) await set(mode, subject)
  for (const scope of scopes) {
    if (scope === undefined) continue
    const mode = snapshot.mode.subjects[scope]
    if (mode === undefined) await api.deleteMode(scope)
    else await set(mode, scope)
  }
  await set(snapshot.mode.global ?? 'READWRITE')
}

async function putBack(api: ConfluentApi, before: Map<string | undefined, string | undefined>, context: Context): Promise<void> {
  for (const [scope, mode] of [...before].reverse()) {
    try {
      if (scope === undefined) await api.setMode(mode ?? 'READWRITE')
      else if (mode === undefined) await api.deleteMode(scope)
      else await api.setMode(mode, scope, { force: mode === 'IMPORT' })
    } catch (error) {
      // The failure that brought us here is the one to report; this one says what is left to do by hand.
      const where = scope ?? 'the registry'
      context.emit({
        type: 'log',
        level: 'warning',
        component: 'registry',
        message: `could not put the mode of ${where} back to ${mode ?? 'unset'}: ${describeError(error)}`,
      })
    }
  }
}
