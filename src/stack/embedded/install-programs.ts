import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { type Context, inPhase } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import type { InstallPlan } from './install-plan.ts'
import { findOnPath } from './programs.ts'

/**
 * Carries an install plan out. Debian's PostgreSQL package makes and starts a cluster of its own on the standard port when it is
 * installed; that is kept from happening, and a cluster that was there before is not touched.
 */
export async function installPrograms(plan: InstallPlan, context: Context): Promise<void> {
  await inPhase(context, 'install programs', async () => {
    if (plan.packages.some((name) => name.startsWith('postgresql-'))) await keepFromMakingCluster(context)
    if (plan.packages.length > 0) await runAsRoot('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...plan.packages], context)
    if (plan.fallbackJava !== undefined) {
      await mkdir(plan.fallbackJava.directory, { recursive: true })
      const pip = [
        '-m',
        'pip',
        'install',
        '--quiet',
        '--upgrade',
        '--no-deps',
        '--target',
        plan.fallbackJava.directory,
        plan.fallbackJava.requirement,
      ]
      await runProgram('python3', pip, context)
    }
  })
}

/** Only when postgresql-common is not configured yet: a machine that has it has decided for itself. */
async function keepFromMakingCluster(context: Context): Promise<void> {
  const script =
    'cd /etc && mkdir -p postgresql-common && cd postgresql-common && { [ -e createcluster.conf ] || echo "create_main_cluster = false" > createcluster.conf; }'
  await runAsRoot('sh', ['-c', script], context)
}

/** Runs a program as root: directly when we are, with sudo otherwise. Throws `tool-failed` with its last lines. */
export async function runAsRoot(program: string, args: string[], context: Context): Promise<void> {
  if (process.getuid?.() === 0) return runProgram(program, args, context)
  if (findOnPath('sudo') === undefined) {
    throw new DatapipeError('programs-missing', `installing needs root, and there is no sudo: ${[program, ...args].join(' ')}`, {
      hint: 'type the line as root',
    })
  }
  await runProgram('sudo', ['--', 'env', 'DEBIAN_FRONTEND=noninteractive', program, ...args], context)
}

async function runProgram(program: string, args: string[], context: Context): Promise<void> {
  const child = spawn(program, args, {
    // sudo asks for its password on the terminal itself.
    stdio: ['inherit', 'pipe', 'pipe'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' },
    signal: context.signal,
  })
  const closed = once(child, 'close')
  const words: string[] = []
  const read = async (stream: NodeJS.ReadableStream) => {
    for await (const line of createInterface({ input: stream })) {
      words.push(line)
      if (words.length > 20) words.shift()
      context.emit({ type: 'log', level: 'debug', message: `${program}: ${line}` })
    }
  }
  try {
    const [[code]] = await Promise.all([closed, read(child.stdout), read(child.stderr)])
    if (code !== 0) throw new Error(`exit code ${code}`)
  } catch (cause) {
    if (context.signal.aborted) throw new DatapipeError('interrupted', `interrupted while running ${program}`, { cause })
    throw new DatapipeError('tool-failed', `${program} failed:\n${words.join('\n')}`, { path: [program, ...args].join(' '), cause })
  }
}
