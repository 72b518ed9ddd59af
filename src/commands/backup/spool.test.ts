import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { silentContext } from '../../base/context.ts'
import { processBirth } from '../../repository/process-birth.ts'
import { makeSpool } from './spool.ts'

test('regression: what a killed backup left is removed by the next one; a living run and anything else stays', async () => {
  const parent = await mkdtemp(join(tmpdir(), 'datapipe-spool-test-'))
  try {
    const killed = spawn('sleep', ['100'])
    const owner = { pid: killed.pid, birth: await processBirth(killed.pid ?? 0) }
    for (const name of ['datapipe-backup-killed', 'datapipe-backup-making', 'datapipe-backup-odd', 'another']) await mkdir(join(parent, name))
    await writeFile(join(parent, 'datapipe-backup-killed', 'owner.json'), JSON.stringify(owner))
    await writeFile(join(parent, 'datapipe-backup-odd', 'owner.json'), '{"pid": "me"}')
    await writeFile(join(parent, 'another', 'owner.json'), JSON.stringify(owner))

    const living = await makeSpool(silentContext(), parent)
    expect(await readdir(parent)).toContain('datapipe-backup-killed')
    killed.kill('SIGKILL')
    await once(killed, 'exit')
    const said: string[] = []
    const emit = (event: { type: string; message?: string }) => void said.push(event.message ?? '')
    {
      await using next = await makeSpool(silentContext({ emit }), parent)
      expect(existsSync(next.directory)).toBe(true)
      expect(existsSync(living.directory)).toBe(true)
    }
    await living[Symbol.asyncDispose]()
    expect((await readdir(parent)).sort()).toEqual(['another', 'datapipe-backup-making', 'datapipe-backup-odd'])
    expect(said).toEqual([expect.stringMatching(/datapipe-backup-killed, which a killed backup had left/)])
  } finally {
    await rm(parent, { recursive: true, force: true })
  }
})
