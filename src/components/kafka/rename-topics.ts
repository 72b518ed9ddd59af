import { DatapipeError } from '../../base/errors.ts'

/** `orders=orders.restored`, or with wildcards that keep what they stood for: `shop.*=restored.shop.*`. */
export interface RenameRule {
  from: string
  to: string
}

/** Reads `FROM=TO`. Throws `usage`. */
export function parseRename(text: string): RenameRule {
  const [from = '', to = '', ...more] = text.split('=')
  if (from === '' || to === '' || more.length > 0) throw wrong(`--rename ${text} is not FROM=TO`)
  if (count(to) > count(from)) throw wrong(`--rename ${text} has more wildcards on the right than on the left`)
  return { from, to }
}

/**
 * The names that topics get, by their own names; those that no rule matches keep theirs. The first rule that matches counts. Wildcards never
 * match one of `internal`: their owners look for them under their own names. Throws `topic-pattern-empty` for a rule without a topic and
 * `rename-refused` for an internal topic, an impossible name, and two topics with one name (`.` and `_` are one character in Kafka's metrics,
 * so brokers refuse topics that differ in nothing else).
 */
export function renameTopics(topics: string[], rules: RenameRule[], internal: ReadonlySet<string>): Map<string, string> {
  for (const { from, to } of rules) {
    if (internal.has(from)) throw refused(`${from} is an internal topic: its owner looks for it under this name`, from)
    if (!topics.some((name) => !internal.has(name) && applyRule(name, { from, to }) !== undefined))
      throw new DatapipeError('topic-pattern-empty', `--rename ${from}=${to} matches no topic that is restored`, {
        path: from,
        hint: 'run `datapipe show` for the topics of the backup',
      })
  }
  const renamed = new Map<string, string>()
  const takenBy = new Map<string, string>()
  for (const name of topics) {
    const rule = internal.has(name) ? undefined : rules.find((candidate) => applyRule(name, candidate) !== undefined)
    const target = (rule && applyRule(name, rule)) ?? name
    if (!/^[a-zA-Z0-9._-]{1,249}$/.test(target) || /^\.\.?$/.test(target)) throw refused(`${target} is no name for a topic (from ${name})`, name)
    if (target !== name && internal.has(target)) throw refused(`${name} cannot be ${target}, which is an internal topic`, name)
    const other = takenBy.get(target.replaceAll('.', '_'))
    if (other !== undefined) throw refused(`${other} and ${name} would both be ${target}`, name)
    takenBy.set(target.replaceAll('.', '_'), name)
    renamed.set(name, target)
  }
  return renamed
}

function applyRule(name: string, { from, to }: RenameRule): string | undefined {
  const source = [...from].map((char) => (char === '*' ? '(.*)' : char === '?' ? '(.)' : char.replace(/[\\^$.*+?()[\]{}|/]/, '\\$&'))).join('')
  const match = new RegExp(`^${source}$`, 'su').exec(name)
  if (match === null) return undefined
  let next = 1
  return to.replaceAll(/[*?]/g, () => match[next++] ?? '')
}

const count = (glob: string) => [...glob].filter((char) => char === '*' || char === '?').length

function wrong(message: string): DatapipeError {
  return new DatapipeError('usage', message, { hint: "for example --rename orders=orders.restored, or --rename '*=restored.*'" })
}

function refused(message: string, path: string): DatapipeError {
  return new DatapipeError('rename-refused', message, { path: `kafka/topics/${path}` })
}
