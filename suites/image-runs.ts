import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import type { ToolItem } from '../src/commands/tools/tool-item.ts'

export interface DockerRun {
  exitCode: number
  stdout: string
  stderr: string
  seconds: number
}

/** Runs the docker CLI; `input` goes to its stdin. */
export async function docker(args: readonly string[], input?: string): Promise<DockerRun> {
  const started = performance.now()
  const child: ChildProcess = spawn('docker', args, { stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'] })
  child.stdin?.end(input)
  if (child.stdout === null || child.stderr === null) throw new TypeError('both are pipes')
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { exitCode: code as number, stdout, stderr, seconds: (performance.now() - started) / 1000 }
}

/** As in production: nothing but /tmp can be written, and no name leads to root. */
export const confined = ['run', '--rm', '--read-only', '--tmpfs', '/tmp', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges']

/** An image made from another by commands as root; its user is that of the other again. */
export async function derive(from: string, tag: string, commands: string): Promise<void> {
  const build = await docker(['build', '--quiet', '--tag', tag, '-'], `FROM ${from}\nUSER 0\nRUN ${commands}\nUSER 999:999\n`)
  if (build.exitCode !== 0) throw new Error(`docker build of ${tag} failed: ${build.stderr}`)
}

/** `datapipe tools --json` inside an image: its exit code and its rows. */
export async function toolsOf(
  image: string,
  options: readonly string[] = [],
  args: readonly string[] = [],
): Promise<{ run: DockerRun; items: ToolItem[] }> {
  const run = await docker([...confined, ...options, image, 'datapipe', '--json', 'tools', ...args])
  const last = run.stdout.trim().split('\n').at(-1) ?? ''
  const event = JSON.parse(last === '' ? '{}' : last) as { type?: string; result?: { items: ToolItem[] } }
  if (event.type !== 'result' || event.result === undefined)
    throw new Error(`datapipe tools gave no result: ${run.stdout.slice(-3000)}\n${run.stderr.slice(-3000)}`)
  return { run, items: event.result.items }
}

/** `tool: act` of the rows with this verdict. */
export const rows = (items: readonly ToolItem[], verdict: ToolItem['verdict']) =>
  items.filter((item) => item.verdict === verdict).map(({ tool, act }) => `${tool}: ${act}`)

/** The rows that failed with what they said, for a message. */
export const failures = (items: readonly ToolItem[]) =>
  items.filter(({ verdict }) => verdict === 'fail').map(({ tool, act, detail }) => `${tool}: ${act}: ${detail}`)
