import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'

const scripts = fileURLToPath(new URL('../../../fixtures/original-route/', import.meta.url))

/** Where the document's tools are. */
export type RouteTools =
  | { kind: 'host' /** Directories for the front of PATH. */; path: string[] }
  /** In a container of this image, on the host's network. `mounts`: directories that it sees under their own names. */
  | { kind: 'image'; image: string; mounts: string[] }

export interface RouteScript {
  script: 'backup.sh' | 'restore.sh'
  steps: string[]
  tools: RouteTools
  /** Secrets are among them: they reach the script by its environment alone. */
  env: Record<string, string>
  context: Context
}

/** Runs one of fixtures/original-route/ to its end and returns what it said, which also becomes log events. Throws `drill-broken` with its last words. */
export async function runScript({ script, steps, tools, env, context }: RouteScript): Promise<string[]> {
  const [program, args] = tools.kind === 'host' ? ['bash', [`${scripts}${script}`, ...steps]] : ['docker', inContainer(tools, script, steps, env)]
  const path = tools.kind === 'host' ? { PATH: [...tools.path, process.env.PATH ?? ''].join(':') } : {}
  const child = spawn(program, args, { env: { ...process.env, ...env, ...path }, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  // The script's tools are its children: a signal to the shell alone would leave them running.
  const stop = () => void (child.pid !== undefined && child.exitCode === null && process.kill(-child.pid, 'SIGTERM'))
  context.signal.addEventListener('abort', stop, { once: true })
  const words: string[] = []
  const hear = (line: string) => {
    words.push(line)
    context.emit({ type: 'log', level: 'info', message: `${script}: ${line}` })
  }
  createInterface({ input: child.stdout }).on('line', hear)
  createInterface({ input: child.stderr }).on('line', hear)
  let code: unknown
  try {
    ;[code] = await once(child, 'close')
  } catch (cause) {
    throw new DatapipeError('drill-broken', `${script} could not be run`, { path: program, cause })
  } finally {
    context.signal.removeEventListener('abort', stop)
  }
  if (context.signal.aborted) throw new DatapipeError('interrupted', `interrupted during ${script}`)
  if (code !== 0)
    throw new DatapipeError('drill-broken', `${script} ${steps.join(' ')} ended with ${String(code)}: ${words.slice(-30).join('\n')}`, {
      path: script,
    })
  return words
}

/** Environment variables go by name: their values stand in no argument. */
function inContainer(
  { image, mounts }: Extract<RouteTools, { kind: 'image' }>,
  script: string,
  steps: string[],
  env: Record<string, string>,
): string[] {
  return [
    ...['run', '--rm', '--network', 'host', '--user', '0:0', '--label', 'datapipe=original-route'],
    ...mounts.flatMap((directory) => ['--volume', `${directory}:${directory}`]),
    ...['--volume', `${scripts}:/original-route:ro`],
    ...Object.keys(env).flatMap((name) => ['--env', name]),
    ...['--entrypoint', 'bash', image, `/original-route/${script}`, ...steps],
  ]
}
