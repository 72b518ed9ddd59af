import { expect, test } from 'vitest'
import { runTool, startTool } from './exec.ts'

test('returns what the program wrote and gives it the environment it needs', async () => {
  expect(await runTool('sh', ['-c', 'printf "%s" "$WORD"'], { env: { WORD: 'héllo' } })).toBe('héllo')
})

test('a program that is not there is tool-missing', async () => {
  await expect(runTool('no-such-program-here', [])).rejects.toMatchObject({ code: 'tool-missing' })
})

test('a program that fails says how, with its last words', async () => {
  await expect(runTool('sh', ['-c', 'echo first >&2; echo disk on fire >&2; exit 3'])).rejects.toMatchObject({
    code: 'tool-failed',
    message: 'sh failed with exit code 3: first\ndisk on fire',
  })
})

test('an aborted signal stops the program and says interrupted', async () => {
  const controller = new AbortController()
  const running = runTool('sleep', ['60'], { signal: controller.signal })
  setTimeout(() => controller.abort(), 50)
  await expect(running).rejects.toMatchObject({ code: 'interrupted' })
})

test('disposing stops a program that still runs', async () => {
  let pid = 0
  {
    await using tool = await startTool('sleep', ['60'])
    pid = tool.pid
  }
  expect(() => process.kill(pid, 0)).toThrow()
})

test('gives whole lines of stderr, progress lines that end in a carriage return too', async () => {
  const lines: string[] = []
  await runTool('sh', ['-c', 'printf "1%%\\r2%%\\r" >&2; printf "done\\n" >&2'], { onStderrLine: (line) => lines.push(line) })
  expect(lines).toEqual(['1%', '2%', 'done'])
})
