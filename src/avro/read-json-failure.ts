/** Why a line is not a value of its schema, in the words of the Java libraries: people look for them. */
export class JsonReadFailure extends Error {
  /** The Java class that would have been thrown, with its package. */
  readonly type: string

  constructor(type: string, message: string | undefined) {
    super(message ?? '')
    this.name = 'JsonReadFailure'
    this.type = type
  }

  /** Undefined where the Java exception has no message (end of input). */
  get words(): string | undefined {
    return this.message === '' ? undefined : this.message
  }
}

const jackson = 'com.fasterxml.jackson.core'

/** Avro's complaint about a well-formed text. */
export function typeFailure(message: string): JsonReadFailure {
  return new JsonReadFailure('org.apache.avro.AvroTypeException', message)
}

/** Where a failure is, as Jackson 2.18 says it. `at` counts UTF-16 units from 0; a line of input has no second line. */
export function place(at: number): string {
  return `[Source: REDACTED (\`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION\` disabled); line: 1, column: ${at + 1}]`
}

/** Text that is not JSON. */
export function parseFailure(message: string, at: number): JsonReadFailure {
  return new JsonReadFailure(`${jackson}.JsonParseException`, `${message}\n at ${place(at)}`)
}

/** Text that ends too early. */
export function endFailure(where: string, at: number): JsonReadFailure {
  return new JsonReadFailure(`${jackson}.io.JsonEOFException`, `Unexpected end-of-input${where}\n at ${place(at)}`)
}

/** A number that its type cannot hold. */
export function rangeFailure(message: string, at: number | undefined): JsonReadFailure {
  const where = at === undefined ? '[Source: UNKNOWN; byte offset: #UNKNOWN]' : place(at)
  return new JsonReadFailure(`${jackson}.exc.InputCoercionException`, `${message}\n at ${where}`)
}

/** Jackson's limits against hostile input. */
export function limitFailure(message: string): JsonReadFailure {
  return new JsonReadFailure(`${jackson}.exc.StreamConstraintsException`, message)
}

/** A character that is not allowed here; `why` follows a colon. */
export function unexpected(code: number, why: string, at: number): JsonReadFailure {
  return parseFailure(`Unexpected character (${describeCharacter(code)}): ${why}`, at)
}

/** `'x' (code 120)`, as Jackson writes a character. */
export function describeCharacter(code: number): string {
  if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return `(CTRL-CHAR, code ${code})`
  return code > 255 ? `'${String.fromCharCode(code)}' (code ${code} / 0x${code.toString(16)})` : `'${String.fromCharCode(code)}' (code ${code})`
}
