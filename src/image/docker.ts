import { runTool, type ToolOptions } from '../clients/exec.ts'

/** Runs the docker CLI and returns its stdout. Throws `tool-missing` where there is none, `tool-failed` with its last words. */
export async function docker(args: string[], options: ToolOptions = {}): Promise<string> {
  return await runTool('docker', args, options)
}

/** The id of an image that the engine holds, or undefined when it holds none of that name. Throws `tool-failed` when no engine answers. */
export async function imageId(reference: string, options: ToolOptions = {}): Promise<string | undefined> {
  // `image ls` answers nothing for an unknown name, where `image inspect` fails as it does without an engine.
  const [id] = (await docker(['image', 'ls', '--no-trunc', '--quiet', reference], options)).split('\n')
  return id === undefined || id === '' ? undefined : id
}
