import { DatapipeError, describeError } from '../../base/errors.ts'
import { docker } from '../../image/docker.ts'

/** Throws `engine-missing` with what the docker command said when there is no container engine to talk to. */
export async function assertEngineAnswers(): Promise<void> {
  const why = await engineFault()
  if (why !== undefined) throw new DatapipeError('engine-missing', `no container engine answers: ${why}`)
}

/** Why no container engine answers; undefined when one does. */
export async function engineFault(): Promise<string | undefined> {
  try {
    await docker(['version', '--format', '{{.Server.Version}}'])
    return undefined
  } catch (error) {
    return describeError(error).split('\n').at(-1)
  }
}
