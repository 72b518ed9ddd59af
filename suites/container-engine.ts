import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)
let refusal: Promise<string | undefined> | undefined

/**
 * Whether a container engine answers here. Where none does, prints one line that says why the suite is not run, and returns false:
 * `describe.skipIf(!(await containerEngine('image')))`.
 */
export async function containerEngine(suite: string): Promise<boolean> {
  refusal ??= run('docker', ['version', '--format', '{{.Server.Version}}']).then(
    () => undefined,
    (error: { code?: unknown; stderr?: string }) => {
      if (error.code === 'ENOENT') return 'there is no docker CLI'
      return (error.stderr ?? '').trim().split('\n').at(-1) || 'docker version failed'
    },
  )
  const reason = await refusal
  if (reason !== undefined) console.error(`${suite}: not run: no container engine answers: ${reason}`)
  return reason === undefined
}
