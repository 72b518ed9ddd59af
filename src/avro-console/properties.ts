import { ToolFailure } from './tool-failure.ts'

/**
 * A Java properties file as `Properties.load(InputStream)` reads it: ISO 8859-1, `#` and `!` comments, lines joined by a backslash,
 * `\t \n \r \f \uXXXX` and any other escaped character as itself; the key ends at the first `=`, `:` or blank. Later keys win.
 */
export function parseProperties(bytes: Uint8Array): Map<string, string> {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
  const properties = new Map<string, string>()
  for (const line of logicalLines(text)) {
    const { key, rest } = splitKey(line)
    properties.set(withoutEscapes(key), withoutEscapes(rest))
  }
  return properties
}

function* logicalLines(text: string): Generator<string> {
  let pending: string | undefined
  for (const natural of text.split(/\r\n|\r|\n/)) {
    const line: string = natural.replace(/^[ \t\f]+/, '')
    if (pending === undefined && (line === '' || line.startsWith('#') || line.startsWith('!'))) continue
    const backslashes = /\\*$/.exec(line)?.[0].length ?? 0
    const joined: string = (pending ?? '') + line
    if (backslashes % 2 === 1) {
      pending = joined.slice(0, -1)
      continue
    }
    pending = undefined
    yield joined
  }
  if (pending !== undefined && pending !== '') yield pending
}

function splitKey(line: string): { key: string; rest: string } {
  let at = 0
  for (; at < line.length; at++) {
    const character = line[at] ?? ''
    if (character === '\\') at++
    else if (' \t\f=:'.includes(character)) break
  }
  const rest = /^[ \t\f]*[=:]?[ \t\f]*/.exec(line.slice(at))?.[0].length ?? 0
  return { key: line.slice(0, at), rest: line.slice(at + rest) }
}

const letters: Record<string, string> = { t: '\t', n: '\n', r: '\r', f: '\f' }

function withoutEscapes(text: string): string {
  if (!text.includes('\\')) return text
  return text.replaceAll(/\\(?:u([0-9a-fA-F]{4})|(u)|([\s\S])|$)/g, (_, hex?: string, badHex?: string, single?: string) => {
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16))
    if (badHex !== undefined) throw new ToolFailure('start', { type: 'java.lang.IllegalArgumentException', message: 'Malformed \\uxxxx encoding.' })
    return single === undefined ? '' : (letters[single] ?? single)
  })
}

/** `--property` and its like: cut at the first `=`; without one the value is empty. Later ones win. */
export function parseKeyValues(args: string[], into: Map<string, string> = new Map()): Map<string, string> {
  for (const arg of args) {
    const equals = arg.indexOf('=')
    if (equals < 0) into.set(arg, '')
    else into.set(arg.slice(0, equals), arg.slice(equals + 1))
  }
  return into
}

/** Reads a properties file that an option names. A missing file fails as the Java tool does. */
export async function loadProperties(path: string): Promise<Map<string, string>> {
  const { readFile } = await import('node:fs/promises')
  try {
    return parseProperties(await readFile(path))
  } catch (cause) {
    if (cause instanceof ToolFailure) throw cause
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT'
    const type = missing ? 'java.nio.file.NoSuchFileException' : 'java.io.IOException'
    throw new ToolFailure('start', { type, message: missing ? path : `${path}: ${(cause as Error).message}` }, { cause })
  }
}

/** True for `true` in any case, with blanks around it; everything else is false, as the formatters read their flags. */
export function isTrue(value: string | undefined): boolean {
  return value !== undefined && value.trim().toLowerCase() === 'true'
}

/** A setting of the clients' own configuration: `true` or `false` in any case, anything else is an error. */
export function booleanSetting(properties: ReadonlyMap<string, string>, name: string, fallback: boolean): boolean {
  const value = properties.get(name)?.trim()
  if (value === undefined) return fallback
  if (/^true$/i.test(value)) return true
  if (/^false$/i.test(value)) return false
  const message = `Invalid value ${value} for configuration ${name}: Expected value to be either true or false`
  throw new ToolFailure('start', { type: 'org.apache.kafka.common.config.ConfigException', message })
}

/** A whole number of 32 bits in the clients' own configuration. */
export function integerSetting(properties: ReadonlyMap<string, string>, name: string, fallback: number): number {
  const value = properties.get(name)?.trim()
  if (value === undefined) return fallback
  const number = Number(value)
  if (/^[+-]?\d+$/.test(value) && number >= -(2 ** 31) && number < 2 ** 31) return number
  const message = `Invalid value ${value} for configuration ${name}: Not a number of type INT`
  throw new ToolFailure('start', { type: 'org.apache.kafka.common.config.ConfigException', message })
}
