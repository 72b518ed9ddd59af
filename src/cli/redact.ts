/** Replaces secrets in everything that is shown. */
export interface Redactor {
  /** From now on `secret` is shown as `***`. */
  add(secrets: readonly string[]): void
  text(text: string): string
  /** The same value with every string in it redacted; keys stay. */
  value<T>(value: T): T
}

/** Words of our own output: a password that is one of them could not be hidden without giving it away, and output would break. */
const ownWords = new Set(['postgres', 'kafka', 'registry', 'connect', 'datapipe'])

/** Below this length a secret is replaced only where it stands alone: `1` as a password must not eat every 1. */
const shortLength = 6

/**
 * Knows the secrets of the loaded configuration. Whatever it knows, the password part of a URL (`://user:password@`) is always hidden.
 */
export function createRedactor(): Redactor {
  const secrets = new Set<string>()
  let pattern: RegExp | undefined

  const text = (shown: string): string => {
    const withoutUserInfo = shown.replace(/(:\/\/[^/\s:@]*):[^/\s@]+@/g, '$1:***@')
    return pattern === undefined ? withoutUserInfo : withoutUserInfo.replace(pattern, '***')
  }
  const value = (item: unknown): unknown => {
    if (typeof item === 'string') return text(item)
    if (Array.isArray(item)) return item.map(value)
    if (typeof item !== 'object' || item === null || !isPlain(item)) return item
    return Object.fromEntries(Object.entries(item).map(([key, inner]) => [key, value(inner)]))
  }
  return {
    add(added) {
      for (const secret of added) {
        for (const line of secret.split(/\r?\n/)) if (line.trim() !== '' && !ownWords.has(line)) secrets.add(line)
      }
      // Longest first, so that a secret that contains another one goes as a whole.
      const parts = [...secrets].sort((a, b) => b.length - a.length).map(toPattern)
      pattern = parts.length === 0 ? undefined : new RegExp(parts.join('|'), 'gu')
    },
    text,
    value: <T>(item: T) => value(item) as T,
  }
}

function toPattern(secret: string): string {
  const escaped = secret.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
  return secret.length < shortLength ? `(?<![\\p{L}\\p{N}])${escaped}(?![\\p{L}\\p{N}])` : escaped
}

function isPlain(item: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(item)
  return prototype === Object.prototype || prototype === null
}
