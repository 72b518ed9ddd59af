import type { RecordToSend } from './send-batch.ts'
import { isTrue } from './properties.ts'
import { ToolFailure } from './tool-failure.ts'

/** How a line of input is cut: `headers DELIMITER key SEPARATOR value`, the first two if asked for. */
export interface LineFormat {
  parseKey: boolean
  keySeparator: string
  parseHeaders: boolean
  headersDelimiter: string
  headersSeparator: RegExp
  headersKeySeparator: string
  /** A missing separator makes the whole line the value. */
  ignoreError: boolean
  /** A key, value or header value that reads so is null. */
  nullMarker: string | undefined
}

/** Reads the properties of SchemaMessageReader of 7.6, in its order of checks. */
export function lineFormat(properties: ReadonlyMap<string, string>): LineFormat {
  const get = (name: string, fallback: string) => properties.get(name) ?? fallback
  const separator = get('headers.separator', ',')
  const format: LineFormat = {
    parseKey: isTrue(properties.get('parse.key')),
    keySeparator: get('key.separator', '\t'),
    parseHeaders: isTrue(properties.get('parse.headers')),
    headersDelimiter: get('headers.delimiter', '\t'),
    headersSeparator: javaPattern(separator),
    headersKeySeparator: get('headers.key.separator', ':'),
    ignoreError: isTrue(properties.get('ignore.error')),
    nullMarker: properties.get('null.marker'),
  }
  const different: [string, string, string, string | undefined][] = [
    ['headers.delimiter', format.headersDelimiter, 'headers.separator', separator],
    ['headers.delimiter', format.headersDelimiter, 'headers.key.separator', format.headersKeySeparator],
    ['headers.separator', separator, 'headers.key.separator', format.headersKeySeparator],
    ['null.marker', format.keySeparator, 'key.separator', format.nullMarker],
    ['null.marker', separator, 'headers.separator', format.nullMarker],
    ['null.marker', format.headersDelimiter, 'headers.delimiter', format.nullMarker],
    ['null.marker', format.headersKeySeparator, 'headers.key.separator', format.nullMarker],
  ]
  for (const [name, value, other, otherValue] of different) {
    if (value === otherValue) throw kafkaException('start', `${name} and ${other} may not be equal`)
  }
  return format
}

/** `headers.separator` is a Java pattern. The two languages agree on what people use as separators; what JavaScript does not know is an error. */
function javaPattern(text: string): RegExp {
  try {
    return new RegExp(text, 'g')
  } catch (cause) {
    const words = (cause as Error).message
    const unclosed = /unterminated group/i.test(words)
    const message = `${unclosed ? `Unclosed group near index ${text.length}` : words}\n${text}`
    throw new ToolFailure('start', { type: 'java.util.regex.PatternSyntaxException', message }, { cause })
  }
}

export interface CutLine {
  headers: RecordToSend['headers']
  /** Undefined: none, by the format or the marker. */
  key: string | undefined
  value: string | undefined
}

/** Cuts a line. Throws the KafkaException of a missing separator. */
export function cutLine(line: string, format: LineFormat): CutLine {
  const headersEnd = format.parseHeaders ? find(line, 0, format.headersDelimiter, 'headers delimiter', format) : -1
  const keyFrom = headersEnd < 0 ? 0 : headersEnd + format.headersDelimiter.length
  const headers = headersEnd < 0 ? undefined : line.slice(0, headersEnd)
  const cut = headers === undefined || headers === format.nullMarker ? [] : splitHeaders(headers, line, format)
  const keyEnd = format.parseKey ? find(line, keyFrom, format.keySeparator, 'key separator', format) : -1
  const valueFrom = keyEnd < 0 ? keyFrom : keyEnd + format.keySeparator.length
  const orNull = (text: string) => (text === format.nullMarker ? undefined : text)
  return { headers: cut, key: keyEnd < 0 ? undefined : orNull(line.slice(keyFrom, keyEnd)), value: orNull(line.slice(valueFrom)) }
}

function find(line: string, from: number, separator: string, name: string, { ignoreError }: LineFormat): number {
  const at = line.indexOf(separator, from)
  if (at < 0 && !ignoreError) throw kafkaException('record', `No ${name} found in line ${line}`)
  return at
}

function splitHeaders(text: string, line: string, format: LineFormat): RecordToSend['headers'] {
  return splitAsJava(text, format.headersSeparator).map((pair) => {
    const at = pair.indexOf(format.headersKeySeparator)
    if (at < 0) {
      if (format.ignoreError) return { key: Buffer.from(pair, 'utf8'), value: null }
      throw kafkaException('record', `No header key separator found in pair '${pair}' in line ${line}`)
    }
    const key = pair.slice(0, at)
    if (key === format.nullMarker) {
      throw kafkaException('record', `Header keys should not be equal to the null marker '${format.nullMarker}' as they can't be null`)
    }
    const value = pair.slice(at + format.headersKeySeparator.length)
    return { key: Buffer.from(key, 'utf8'), value: value === format.nullMarker ? null : Buffer.from(value, 'utf8') }
  })
}

/** java.util.regex.Pattern.split: no empty piece at the end, none before a match of nothing at the beginning; without a match the text itself. */
function splitAsJava(text: string, pattern: RegExp): string[] {
  const pieces: string[] = []
  let from = 0
  for (const match of text.matchAll(pattern)) {
    const end = match.index + match[0].length
    if (end === 0) continue
    pieces.push(text.slice(from, match.index))
    from = end
  }
  if (from === 0) return [text]
  pieces.push(text.slice(from))
  while (pieces.at(-1) === '') pieces.pop()
  return pieces
}

function kafkaException(kind: 'start' | 'record', message: string): ToolFailure {
  return new ToolFailure(kind, { type: 'org.apache.kafka.common.KafkaException', message })
}
