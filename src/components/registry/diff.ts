import { stringifyJson } from '../../base/lossless-json.ts'
import type { Finding } from '../../base/finding.ts'
import { canonicalSchema, sorted } from './canonical.ts'
import { type RegistrySnapshot, type SnapshotVersion, versionKey } from './snapshot.ts'

export interface DiffLabels {
  /** What the sides are called in messages, e.g. `the backup` and `the registry`. */
  a: string
  b: string
}

/**
 * Everything in which two registries differ for a client: subjects, versions, ids, content, references, deleted state, configuration, modes.
 * Empty when they are the same. Of Apicurio's global ids, which Confluent's clients never see, there is one warning. White space and attribute order of a schema do not count.
 */
export function diffRegistry(a: RegistrySnapshot, b: RegistrySnapshot, labels: DiffLabels = { a: 'a', b: 'b' }): Finding[] {
  const findings: Finding[] = []
  const add = (severity: Finding['severity'], code: string, item: string, message: string) =>
    findings.push({ severity, code, component: 'registry', item, message })
  const only = (code: string, item: string, inA: boolean) => add('harm', code, item, `is in ${inA ? labels.a : labels.b} only`)

  const [subjectsA, subjectsB] = [new Set(a.subjects), new Set(b.subjects)]
  for (const subject of a.subjects) if (!subjectsB.has(subject)) only('subject-missing', subject, true)
  for (const subject of b.subjects) if (!subjectsA.has(subject)) only('subject-missing', subject, false)

  const moved: { item: string; left: SnapshotVersion; right: SnapshotVersion }[] = []
  const versionsB = new Map(b.versions.map((item) => [versionKey(item), item]))
  for (const left of a.versions) {
    const right = versionsB.get(versionKey(left))
    versionsB.delete(versionKey(left))
    const item = `${left.subject}/${left.version}`
    if (right === undefined) only('schema-missing', item, true)
    else for (const { severity, code, message } of differences(left, right, labels)) add(severity, code, item, message)
    if (left.globalId !== undefined && right?.globalId !== undefined && left.globalId !== right.globalId) moved.push({ item, left, right })
  }
  for (const right of versionsB.values()) only('schema-missing', `${right.subject}/${right.version}`, false)

  const settings = (code: string, item: string, left: unknown, right: unknown) => {
    const [leftText, rightText] = [left, right].map((value) => (value === undefined ? 'unset' : stringifyJson(sorted(value))))
    if (leftText !== rightText) add('harm', code, item, `${labels.a} has ${leftText}, ${labels.b} has ${rightText}`)
  }
  settings('compatibility-differs', 'global configuration', a.config.global, b.config.global)
  for (const subject of keysOf(a.config.subjects, b.config.subjects))
    settings('compatibility-differs', subject, a.config.subjects[subject], b.config.subjects[subject])
  // Apicurio has no modes that mean anything: nothing to compare with.
  if (a.mode.global !== null && b.mode.global !== null) settings('mode-differs', 'global mode', a.mode.global, b.mode.global)
  for (const subject of keysOf(a.mode.subjects, b.mode.subjects))
    settings('mode-differs', subject, a.mode.subjects[subject], b.mode.subjects[subject])
  const [first] = moved
  if (first !== undefined) {
    const example = `${first.item}: ${labels.a} has ${first.left.globalId}, ${labels.b} has ${first.right.globalId}`
    const who = "only clients of Apicurio's own that are set to global ids (apicurio.registry.use-id=globalId) mind"
    add(
      'warning',
      'global-ids-differ',
      `${moved.length} of ${a.versions.length} versions`,
      `have other global ids in Apicurio, e.g. ${example}; ${who}`,
    )
  }
  return findings
}

function* differences(
  left: SnapshotVersion,
  right: SnapshotVersion,
  labels: DiffLabels,
): Generator<{ severity: Finding['severity']; code: string; message: string }> {
  const pair = (l: string, r: string) => `${labels.a} has ${l}, ${labels.b} has ${r}`
  const [leftText, rightText] = [canonicalSchema(left.type, left.schema), canonicalSchema(right.type, right.schema)]
  if (left.type !== right.type) yield { severity: 'harm', code: 'schema-differs', message: pair(left.type, right.type) }
  else if (leftText !== rightText)
    yield { severity: 'harm', code: 'schema-differs', message: pair(excerpt(leftText, rightText), excerpt(rightText, leftText)) }
  if (left.id !== right.id) yield { severity: 'harm', code: 'id-moved', message: pair(`id ${left.id}`, `id ${right.id}`) }
  const references = (version: SnapshotVersion) =>
    version.references.map((item) => `${item.name} → ${item.subject}/${item.version}`).join(', ') || 'no reference'
  if (references(left) !== references(right))
    yield { severity: 'harm', code: 'reference-differs', message: pair(references(left), references(right)) }
  const state = (version: SnapshotVersion) => (version.deleted ? 'a soft-deleted version' : 'a live version')
  if (left.deleted !== right.deleted) yield { severity: 'harm', code: 'deleted-state-differs', message: pair(state(left), state(right)) }
  for (const field of ['metadata', 'ruleSet'] as const) {
    const [l, r] = [left[field], right[field]].map((value) => (value === undefined ? `no ${field}` : stringifyJson(sorted(value)))) as [
      string,
      string,
    ]
    if (l !== r) yield { severity: 'warning', code: `${field === 'ruleSet' ? 'rule-set' : 'metadata'}-differs`, message: pair(l, r) }
  }
}

/** The text from shortly before its first difference to the other. */
function excerpt(text: string, other: string): string {
  let at = 0
  while (at < text.length && text[at] === other[at]) at++
  const start = Math.max(0, at - 20)
  return `${start > 0 ? '…' : ''}${text.slice(start, start + 80)}${text.length > start + 80 ? '…' : ''}`
}

const keysOf = (a: object, b: object): string[] => [...new Set([...Object.keys(a), ...Object.keys(b)])].sort()
