import type { Context } from '../base/context.ts'
import { docker } from './docker.ts'

/** Part → the paths that make it up. What is in none of them is Debian. */
const parts: Readonly<Record<string, string>> = {
  'Java runtime': '/opt/java',
  'Kafka: jars': '/opt/kafka/libs',
  'Kafka: codecs': '/opt/kafka/native',
  'Kafka: archive of loaded classes': '/opt/kafka/tools.jsa',
  Node: '/usr/local/bin/node',
  "Datapipe's packages": '/opt/datapipe/node_modules',
  'Datapipe, with the Avro tools': '/opt/datapipe/src /opt/datapipe/bin /opt/datapipe/fixtures',
  PostgreSQL: '/usr/lib/postgresql /usr/share/postgresql',
  'PostgreSQL: ICU': '/usr/lib/*/libicu*',
  'locale en_US.UTF-8': '/usr/lib/locale/en_US.utf8',
  'curl, jq, tini': '/usr/bin/curl /usr/lib/*/libcurl.so* /usr/bin/jq /usr/lib/*/libjq.so* /usr/lib/*/libonig.so* /usr/bin/tini',
}

export interface ImageWeight {
  /** The image's size as the engine counts it. */
  bytes: number
  /** Heaviest first. They make up `bytes` but for what the engine counts for itself. */
  parts: { part: string; bytes: number }[]
}

/** Looks into the image with its own `du`. */
export async function weighImage(image: string, context: Context): Promise<ImageWeight> {
  const { signal } = context
  const bytes = Number(await docker(['image', 'inspect', '--format', '{{.Size}}', image], { signal }))
  const script = [...Object.values(parts), '/'].map((paths) => `du -xsck ${paths} 2>/dev/null | tail -1 | cut -f1`).join('; ')
  const kibibytes = (await docker(['run', '--rm', '--network', 'none', '--user', '0', '--entrypoint', 'sh', image, '-c', script], { signal }))
    .trim()
    .split('\n')
    .map(Number)
  const found = Object.keys(parts).map((part, index) => ({ part, bytes: (kibibytes[index] ?? 0) * 1024 }))
  const rest = (kibibytes.at(-1) ?? 0) * 1024 - found.reduce((sum, part) => sum + part.bytes, 0)
  return { bytes, parts: [...found, { part: 'Debian and libraries', bytes: rest }].sort((a, b) => b.bytes - a.bytes) }
}
