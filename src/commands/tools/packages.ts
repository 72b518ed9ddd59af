import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import type { Context } from '../../base/context.ts'
import { runProgram } from './run-program.ts'
import type { Act } from './tool-item.ts'

const manifest = fileURLToPath(new URL('../../../package.json', import.meta.url))
const manifestSchema = z.object({ dependencies: z.record(z.string(), z.string()) })

/** One act a package that the engine runs on: another Node loads it, so that one that is missing or damaged takes nothing else with it. */
export async function packageActs(context: Context): Promise<Act[]> {
  const { dependencies } = manifestSchema.parse(JSON.parse(await readFile(manifest, 'utf8')))
  return Object.entries(dependencies)
    .filter(([name]) => name !== 'node')
    .map(([name, version]) => ({
      part: 'engine',
      tool: `package ${name}`,
      act: 'loads',
      attempt: async () => {
        const script = 'await import(process.argv[1])'
        await runProgram(process.execPath, ['--input-type=module', '--eval', script, name], {
          context,
          cwd: fileURLToPath(new URL('.', import.meta.url)),
        })
        return version
      },
    }))
}
