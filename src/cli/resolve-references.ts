import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { DatapipeError } from '../base/errors.ts'

export interface ReferenceSources {
  env: Readonly<Record<string, string | undefined>>
  /** Relative paths in references start here: the directory of the configuration. */
  directory: string
  /** Name of the configuration, for errors. */
  file: string
}

/** Keys whose whole value may be `file:PATH`: secrets and PEM texts. Elsewhere `file:` is the beginning of a URL. */
const fileKeys = new Set(['password', 'ca', 'cert', 'key'])

/**
 * Replaces, in every string of a parsed configuration, `${NAME}` by an environment variable and `${file:PATH}` by a file's contents
 * (one final newline taken off); `$${` stands for `${` itself. For secrets and PEM texts `file:PATH` as a whole value does the same.
 * Inside the user part of a URL a value that would break the URL is percent-encoded.
 * Returns the contents of all files that were read, which are taken for secrets. Throws `config-invalid` with the key.
 */
export function resolveReferences(value: unknown, sources: ReferenceSources): { value: unknown; secrets: string[] } {
  const secrets: string[] = []
  const walk = (current: unknown, path: readonly string[]): unknown => {
    if (typeof current === 'string') return resolveText(current, path)
    if (Array.isArray(current)) return current.map((item, index) => walk(item, [...path, String(index)]))
    if (typeof current !== 'object' || current === null) return current
    return Object.fromEntries(Object.entries(current).map(([key, item]) => [key, walk(item, [...path, key])]))
  }
  const resolveText = (text: string, path: readonly string[]): string => {
    const key = path.join('.')
    if (fileKeys.has(path.at(-1) ?? '') && text.startsWith('file:')) return fromFile(text.slice('file:'.length), key)
    return text.replace(/\$(\$\{)|\$\{([^}]*)\}/g, (match, escaped: string | undefined, reference: string, at: number) => {
      if (escaped !== undefined) return escaped
      const found = reference.startsWith('file:') ? fromFile(reference.slice('file:'.length), key) : fromEnvironment(reference, key)
      return isUserInfo(text.slice(0, at), text.slice(at + match.length)) ? asUserInfo(found) : found
    })
  }
  const fromEnvironment = (name: string, key: string): string => {
    const found = sources.env[name]
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) throw invalid(key, `\${${name}} is not the name of an environment variable`)
    if (found === undefined)
      throw invalid(key, `the environment variable ${name} is not set`, `export ${name}=…, or write $\${${name}} for the text itself`)
    return found
  }
  const fromFile = (name: string, key: string): string => {
    const path = resolve(sources.directory, name)
    try {
      const contents = readFileSync(path, 'utf8').replace(/\r?\n$/, '')
      secrets.push(contents)
      return contents
    } catch (error) {
      throw new DatapipeError('config-invalid', `${key} refers to a file that cannot be read: ${path}`, {
        path: `${sources.file}: ${key}`,
        cause: error,
      })
    }
  }
  const invalid = (key: string, message: string, hint?: string) =>
    new DatapipeError('config-invalid', `${key}: ${message}`, { path: `${sources.file}: ${key}`, ...(hint === undefined ? {} : { hint }) })
  return { value: walk(value, []), secrets }
}

/** Between `://` and `@` of a URL. */
function isUserInfo(before: string, after: string): boolean {
  const withoutReferences = (text: string) => text.replace(/\$\{[^}]*\}/g, '')
  return /:\/\/[^/?#]*$/.test(withoutReferences(before)) && /^[^/?#]*@/.test(withoutReferences(after))
}

/** A password that would break the URL is percent-encoded; one that fits, or is encoded already, stays as it is. */
function asUserInfo(text: string): string {
  return /[/?#@[\]\s]/.test(text) ? encodeURIComponent(text) : text
}
