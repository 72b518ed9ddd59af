import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** What one run of a program cost. CPU is user and system time of the program and its children. */
export interface Cost {
  wallSeconds: number
  cpuSeconds: number
  peakRssMiB: number
}

export interface ProgramRun {
  command: string[]
  /** A file for its output; /dev/null when left out. */
  output?: string
  env?: Record<string, string>
  /** For what is written while it runs. */
  directory: string
  signal: AbortSignal
}

/** GNU time, which asks the kernel (wait4) once the program has ended: nothing is sampled. */
const gnuTime = '/usr/bin/time'

/** Runs a program alone, after what earlier ones left to write has reached the disk. Throws with its last words when it fails. */
export async function measuredRun({ command, output = '/dev/null', env = {}, directory, signal }: ProgramRun): Promise<Cost> {
  const [figures, words] = [join(directory, 'time'), join(directory, 'stderr')]
  await once(spawn('sync', { stdio: 'ignore' }), 'exit')
  await using stdout = await open(output, 'w')
  await using stderr = await open(words, 'w')
  const started = performance.now()
  const child = spawn(gnuTime, ['-o', figures, '-f', '%U %S %M', ...command], {
    stdio: ['ignore', stdout.fd, stderr.fd],
    env: { ...process.env, NO_COLOR: '1', ...env },
    // A group of its own: what is interrupted is the program, not the clock beside it.
    detached: true,
  })
  const stop = () => {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM')
  }
  signal.addEventListener('abort', stop, { once: true })
  const [code] = (await once(child, 'exit')) as [number | null]
  const wallSeconds = (performance.now() - started) / 1000
  signal.removeEventListener('abort', stop)
  if (code !== 0) throw new Error(`${command.slice(0, 3).join(' ')} … ended with ${code}: ${(await readFile(words, 'utf8')).slice(-600)}`)
  const [user = 0, system = 0, kibibytes = 0] = ((await readFile(figures, 'utf8')).trim().split('\n').at(-1) ?? '').split(' ').map(Number)
  await rm(figures)
  return { wallSeconds, cpuSeconds: user + system, peakRssMiB: kibibytes / 1024 }
}
