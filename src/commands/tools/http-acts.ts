import { z } from 'zod'
import { DatapipeError } from '../../base/errors.ts'
import { openRegistry } from '../../clients/registry.ts'
import { type Bench, noServer } from './bench.ts'
import { bareUrl } from './client-files.ts'
import { runProgram } from './run-program.ts'
import type { Act } from './tool-item.ts'

const curlOptions = ['silent', 'show-error', 'fail-with-body', 'max-time = 60']

/** A program of jq on text of our own, and REST calls by curl, read by jq, to the servers that the configuration names. */
export function httpActs(bench: Bench): Act[] {
  const { config, context, files, seen } = bench
  const jq = async (program: string, input: string) => (await runProgram('jq', ['--compact-output', program], { context, input })).stdout.trim()
  const count = async (what: string, answer: string) => {
    const length = await jq('length', answer)
    if (!/^\d+$/.test(length)) throw new DatapipeError('tool-failed', `jq counts ${length} ${what}`)
    return `${length} ${what}`
  }
  return [
    {
      part: 'http',
      tool: 'jq',
      act: 'reads JSON',
      attempt: async () => {
        const answer = await jq('.[1].id', '[{"id":1},{"id":9007199254740992}]')
        if (answer !== '9007199254740992') throw new DatapipeError('tool-failed', `jq says ${answer}, not 9007199254740992`)
        return 'a number of 16 digits unharmed'
      },
    },
    {
      part: 'http',
      tool: 'curl',
      act: 'asks the registry for its subjects',
      attempt: async () => {
        if (config?.registry === undefined) return noServer(bench, 'registry')
        const { url } = await openRegistry(config.registry, context.signal)
        const options = await files.curl(config.registry, curlOptions)
        const { stdout } = await runProgram('curl', ['--config', options, `${url}/subjects`], { context })
        const detail = await count('subjects', stdout)
        seen.registryUrl = url
        seen.subjects = z.array(z.string()).parse(JSON.parse(stdout))
        return detail
      },
    },
    {
      part: 'http',
      tool: 'curl',
      act: 'asks Connect for its connectors',
      attempt: async () => {
        if (config?.connect === undefined) return noServer(bench, 'connect')
        const options = await files.curl(config.connect, curlOptions)
        const { stdout } = await runProgram('curl', ['--config', options, `${bareUrl(config.connect.url)}/connectors`], { context })
        return await count('connectors', stdout)
      },
    },
  ]
}

/** Removes the subject of the scratch topic's values for good. */
export async function deleteSubject(bench: Bench, subject: string): Promise<void> {
  const registry = bench.config?.registry
  if (registry === undefined) return
  const options = await bench.files.curl(registry, [...curlOptions, 'request = DELETE'])
  const path = `${bench.seen.registryUrl}/subjects/${encodeURIComponent(subject)}`
  for (const url of [path, `${path}?permanent=true`]) await runProgram('curl', ['--config', options, url], bench)
}
