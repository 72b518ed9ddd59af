import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type LoadedConfig, loadConfig } from './load-config.ts'
import { runCli } from './run-cli.ts'

/** For tests: runs `work` in a directory of its own that holds `files`. */
export async function inDirectory<T>(files: Record<string, string>, work: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'datapipe-cli-'))
  try {
    for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text)
    return await work(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** For tests: loads `yaml` as datapipe.yaml beside `files`. */
export async function loadConfigText(
  yaml: string,
  { files = {}, env = {} }: { files?: Record<string, string>; env?: Record<string, string> } = {},
): Promise<LoadedConfig> {
  return await inDirectory({ ...files, 'datapipe.yaml': yaml }, (directory) => loadConfig(join(directory, 'datapipe.yaml'), env))
}

export interface CliRun {
  exitCode: number
  stdout: string
  stderr: string
  /** Everything, in order of writing. */
  all: string
}

/** For tests: the whole command line in this process. */
export async function runForTest(
  argv: string[],
  {
    env = {},
    isTTY = false,
    columns = 80,
    signal = new AbortController().signal,
  }: { env?: Record<string, string>; isTTY?: boolean; columns?: number; signal?: AbortSignal } = {},
): Promise<CliRun> {
  const run = { stdout: '', stderr: '', all: '' }
  const sink = (name: 'stdout' | 'stderr') => ({
    isTTY,
    columns,
    write: (text: string) => {
      run[name] += text
      run.all += text
    },
  })
  const exitCode = await runCli({ argv, env, stdout: sink('stdout'), stderr: sink('stderr'), signal })
  return { exitCode, ...run }
}
