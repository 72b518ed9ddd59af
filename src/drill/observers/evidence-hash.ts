import { createHash, hash } from 'node:crypto'

/** 16 characters for bytes or their absence: null and empty differ. */
export function bytesHash(bytes: Uint8Array | null): string {
  return bytes === null ? 'null' : hash('sha256', bytes, 'base64url').slice(0, 16)
}

/** 24 hex digits of a text. */
export function textHash(text: string): string {
  return hash('sha256', text, 'hex').slice(0, 24)
}

/** SHA-256 over many texts in order, each ended by a line feed. */
export function listHash(texts: Iterable<string>): string {
  const sum = createHash('sha256')
  for (const text of texts) sum.update(text).update('\n')
  return sum.digest('hex')
}

/** At most `limit` characters, and how many more there are. */
export function clip(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit)}… (${text.length} characters)`
}

/** Bytes for a reader: text when printable, otherwise hex; clipped. */
export function showBytes(bytes: Uint8Array | null, limit = 60): string {
  if (bytes === null) return 'null'
  const head = Buffer.from(bytes.subarray(0, limit))
  const text = head.toString('utf8')
  const printable = !/[\p{Cc}\uFFFD]/u.test(text)
  const body = printable ? JSON.stringify(text) : `0x${head.toString('hex')}`
  return bytes.length > limit ? `${body}… (${bytes.length} bytes)` : body
}
