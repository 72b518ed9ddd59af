import type { RegistryConnection } from '../../clients/registry.ts'
import type { ConfluentVersion } from '../../clients/registry/confluent-api.ts'
import { byVersion, type RegistrySnapshot, type SnapshotVersion } from './snapshot.ts'
import { sideBySide } from './side-by-side.ts'

const lanes = 8

/**
 * Reads a Confluent-compatible registry over REST. `/schemas` (paged) is the main source; `/subjects` and each subject's versions are the
 * cross-check and fill in what the list lacks, so that a capped or missing list never shortens a backup.
 */
export async function readConfluentSnapshot(connection: RegistryConnection): Promise<RegistrySnapshot> {
  const api = connection.confluent
  const contexts = await api.contexts()
  const listed = new Map<string, ConfluentVersion>()
  for (const item of (await api.schemas({ deleted: true })) ?? []) listed.set(`${item.subject}\n${item.version}`, item)
  const subjects = [...new Set([...(await api.subjects({ deleted: true })), ...[...listed.values()].map((item) => item.subject)])].sort()

  const perSubject = await sideBySide(subjects, lanes, async (subject) => {
    // The live list decides what is deleted: 7.6 puts no flag into its answers.
    const [all, live, config, mode] = [
      await api.versions(subject, { deleted: true }),
      new Set(await api.versions(subject)),
      await api.config(subject),
      await api.mode(subject),
    ]
    const versions: SnapshotVersion[] = []
    for (const number of all) {
      const item = listed.get(`${subject}\n${number}`) ?? (await api.version(subject, number, { deleted: true }))
      if (item !== undefined) versions.push(snapshotVersion(item, !live.has(number)))
    }
    return { subject, versions, config, mode }
  })

  const config: RegistrySnapshot['config'] = { global: (await api.config()) ?? {}, subjects: {} }
  const mode: RegistrySnapshot['mode'] = { global: (await api.mode()) ?? null, subjects: {} }
  const ofContexts = await sideBySide(contexts, lanes, async (context) => {
    const subject = `:${context}:`
    return context === '.' ? undefined : { subject, config: await api.config(subject), mode: await api.mode(subject) }
  })
  for (const item of [...ofContexts, ...perSubject]) {
    if (item?.config !== undefined) config.subjects[item.subject] = item.config
    if (item?.mode !== undefined) mode.subjects[item.subject] = item.mode
  }
  return {
    format: 1,
    kind: connection.kind,
    version: connection.version,
    contexts,
    subjects,
    versions: perSubject.flatMap((item) => item.versions).sort(byVersion),
    config,
    mode,
  }
}

function snapshotVersion(item: ConfluentVersion, deleted: boolean): SnapshotVersion {
  return {
    subject: item.subject,
    version: String(item.version),
    id: item.id,
    type: item.schemaType,
    schema: item.schema,
    references: item.references.map((reference) => ({ ...reference, version: String(reference.version) })),
    deleted,
    ...(item.metadata ? { metadata: item.metadata } : {}),
    ...(item.ruleSet ? { ruleSet: item.ruleSet } : {}),
  }
}
