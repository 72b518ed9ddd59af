import { expect } from 'vitest'
import { type CliRun, datapipeJson, told } from './cli.ts'

/** A refusal: exit code, code, one error line with message and hint, and no result. */
export function expectRefusal(run: CliRun, exitCode: number, code: string, message: string | RegExp): void {
  expect(run.exitCode, told(run)).toBe(exitCode)
  expect(run.events.filter(({ type }) => type === 'error' || type === 'result')).toEqual([
    {
      type: 'error',
      code,
      exitCode,
      message: expect.stringMatching(message) as string,
      hint: expect.stringMatching(/\w/) as string,
      ...pathOf(run),
      ...reasonsOf(run),
    },
  ])
  expect(run.error?.message).not.toMatch(/^\s+at /m)
}

const reasonsOf = ({ error }: CliRun) => (error?.reasons === undefined ? {} : { reasons: error.reasons })
const pathOf = ({ error }: CliRun) => (error?.path === undefined ? {} : { path: error.path })

export async function expectSuccess(run: Promise<CliRun>): Promise<CliRun> {
  const done = await run
  expect(done.exitCode, told(done)).toBe(0)
  return done
}

/** A command with this datapipe.yaml. */
export const at = (file: string, ...args: string[]) => datapipeJson(['--config', file, ...args])
