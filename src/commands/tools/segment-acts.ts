import { cp, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { existsSync } from 'node:fs'
import { DatapipeError } from '../../base/errors.ts'
import type { Bench } from './bench.ts'
import { runProgram } from './run-program.ts'
import type { Act } from './tool-item.ts'

const segments = fileURLToPath(new URL('../../../fixtures/records', import.meta.url))
const codecs = { none: 'none', gzip: 'gzip', snappy: 'snappy', lz4: 'lz4', zstd: 'zstd' } as const

/** kafka-dump-log on segments that a broker wrote, one for each codec: proves Java's native codecs without a server. */
export function segmentActs({ context, files }: Bench): Act[] {
  return Object.entries(codecs).map(([codec, name]) => ({
    part: 'kafka',
    tool: 'kafka-dump-log',
    act: `reads a segment, ${codec}`,
    attempt: async () => {
      const source = join(segments, `java-${codec}.batches`)
      if (!existsSync(source)) return { notRun: `there is no segment to read: ${source}` }
      const directory = join(files.directory, `segment-${codec}`)
      await mkdir(directory)
      const segment = join(directory, '00000000000000000000.log')
      await cp(source, segment)
      const { stdout } = await runProgram('kafka-dump-log', ['--files', segment, '--deep-iteration', '--print-data-log'], { context })
      const batches = stdout.match(new RegExp(`compresscodec: ${name}\\b`, 'g'))?.length ?? 0
      const records = stdout.match(/^\| offset: \d+/gm)?.length ?? 0
      if (batches === 0 || records === 0)
        throw new DatapipeError('tool-failed', `kafka-dump-log finds ${batches} batches of ${codec}, ${records} records: ${stdout.slice(0, 500)}`)
      return `${records} records in ${batches} batches`
    },
  }))
}
