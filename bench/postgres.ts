import { chown, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { freshDirectory } from './contenders.ts'
import { type Cost, measuredRun } from './measured-run.ts'
import { type PostgresContender, postgresContenders } from './postgres-contenders.ts'
import { type PostgresResults, type PostgresSeries, renderPostgres } from './postgres-report.ts'
import { openBenchServer } from './postgres-server.ts'
import { describeMachine } from './report.ts'

const usage = `Usage: npm run bench -- postgres [options]

Measures base backup and restore of PostgreSQL beside pg_basebackup and pgBackRest, on a server of its own.

  --scale N       share of the full size, 2 GB (default 0.2)
  --rounds N      times that each contender runs (default 3)
  --only A,B      contenders by the beginning of their names (default all)
  --results PATH  postgres-results.md and .json go into this directory (default bench; none: nowhere)
`

/** Runs everybody in turn, `rounds` times, first at the backup and then at the restore of it; prints and writes the medians. */
export async function benchPostgres(args: string[]): Promise<void> {
  const text = { type: 'string' } as const
  const { values } = parseArgs({ args, options: { scale: text, rounds: text, only: text, results: text, help: { type: 'boolean' } } })
  if (values.help) {
    process.stdout.write(usage)
    return
  }
  const scale = positive(values.scale ?? '0.2', 'scale')
  const rounds = Math.round(positive(values.rounds ?? '3', 'rounds'))
  const only = values.only?.split(',') ?? ['']
  const results = values.results ?? 'bench'
  const interrupt = new AbortController()
  process.once('SIGINT', () => interrupt.abort())
  const directory = await mkdtemp(join(tmpdir(), 'datapipe-bench-'))
  try {
    say(`filling a server with ${(2 * scale).toFixed(1)} GB`)
    await using bench = await openBenchServer(scale)
    const contenders = (await postgresContenders(bench.server)).filter(({ name }) => only.some((wanted) => name.startsWith(wanted)))
    const series = contenders.map(
      ({ name, notRun }): PostgresSeries => ({ contender: name, backup: [], restore: [], storedBytes: 0, ...(notRun && { notRun }) }),
    )
    for (let round = 0; round < rounds; round++) {
      for (const [index, contender] of contenders.entries()) {
        const own = series[index]
        if (own === undefined || own.notRun !== undefined) continue
        await once(contender, own, { directory, cpuSeconds: bench.cpuSeconds, signal: interrupt.signal })
      }
    }
    const found: PostgresResults = {
      takenAt: new Date().toISOString(),
      scale,
      rounds,
      machine: describeMachine(),
      versions: { postgres: bench.version, node: process.version },
      bytes: bench.bytes,
      series,
    }
    const page = renderPostgres(found)
    process.stdout.write(page)
    if (results === 'none') return
    await writeFile(join(results, 'postgres-results.md'), page)
    await writeFile(join(results, 'postgres-results.json'), `${JSON.stringify(found, null, 2)}\n`)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

interface Place {
  directory: string
  cpuSeconds: () => Promise<number>
  signal: AbortSignal
}

async function once(contender: PostgresContender, series: PostgresSeries, { directory, cpuSeconds, signal }: Place): Promise<void> {
  const [place, to] = [join(directory, 'place'), join(directory, 'restored')]
  await contender.prepare(place)
  const run = { directory, signal, ...(contender.env && { env: contender.env }) }
  const before = await cpuSeconds()
  const backup = await measuredRun({ ...run, command: contender.backup(place) })
  // What a server compresses for its client is work of the backup too.
  const server = (await cpuSeconds()) - before
  series.backup.push({ ...backup, cpuSeconds: backup.cpuSeconds + server })
  series.storedBytes = await bytesBelow(place)
  tell(`${contender.name}: backup`, series.backup.at(-1))
  if (contender.restore === undefined) return
  await freshDirectory(to)
  if (process.getuid?.() === 0) await chown(to, 0, 0)
  series.restore.push(await measuredRun({ ...run, command: contender.restore(place, to) }))
  tell(`${contender.name}: restore`, series.restore.at(-1))
  for (const path of [to, `${to}.wal`]) await rm(path, { recursive: true, force: true })
}

async function bytesBelow(directory: string): Promise<number> {
  const names = await readdir(directory, { recursive: true, withFileTypes: true })
  const sizes = await Promise.all(names.filter((entry) => entry.isFile()).map((entry) => stat(join(entry.parentPath, entry.name))))
  return sizes.reduce((sum, { size }) => sum + size, 0)
}

function positive(value: string, name: string): number {
  const number = Number(value)
  if (!(number > 0)) throw new TypeError(`--${name} must be a number above 0, not ${value}`)
  return number
}

function tell(what: string, cost: Cost | undefined): void {
  if (cost !== undefined) say(`${what}: ${cost.wallSeconds.toFixed(2)} s, CPU ${cost.cpuSeconds.toFixed(2)} s, ${cost.peakRssMiB.toFixed(0)} MiB`)
}

const say = (message: string) => process.stderr.write(`${message}\n`)
