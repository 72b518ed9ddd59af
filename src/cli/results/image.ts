import type { ImageResult } from '../../commands/image.ts'
import { formatBytes, formatSeconds, formatTable } from '../render/format.ts'

/** The image, and what each of its parts weighs. */
export function imageText({ tag, bytes, parts, seconds }: ImageResult): string {
  const rows = parts.map((part) => [`  ${part.part}`, formatBytes(part.bytes)])
  return `${tag}: ${formatBytes(bytes)}, in ${formatSeconds(seconds)}\n${formatTable(rows, [1])}`
}
