import { existsSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describeError } from '../../base/errors.ts'
import type { ComponentName } from '../../base/events.ts'
import { makeShared, postgresUid, writeReadable } from './run-directory.ts'

export const controlMount = '/datapipe/control'

/** What stands in the engine's configuration: in a container nothing can start another one, so it is asked for outside. */
export function startCommand(component: ComponentName): string {
  return `sh ${controlMount}/start.sh ${component}`
}

/** COMPONENT.wanted asks; COMPONENT.started or COMPONENT.failed, with the reason in it, answers. */
const script = `#!/bin/sh
# usage: start.sh COMPONENT: asks for a server and waits until it serves
set -eu
cd ${controlMount}
rm -f "$1.started" "$1.failed"
: >"$1.wanted"
until [ -e "$1.started" ]; do
  if [ -e "$1.failed" ]; then
    cat "$1.failed" >&2
    exit 1
  fi
  sleep 0.2
done
`

/** The directory that is shared with the engine's container, watched until it is disposed. */
export interface ControlDirectory extends AsyncDisposable {
  readonly directory: string
  /** Throws what a start that the engine asked for failed with. */
  throwFault(): void
}

const startable = ['postgres', 'registry', 'connect'] as const

export async function makeControl(directory: string, start: (component: ComponentName) => Promise<void>): Promise<ControlDirectory> {
  await makeShared(directory, postgresUid)
  await writeReadable(join(directory, 'start.sh'), script)
  let fault: unknown
  const answer = async (component: ComponentName) => {
    await rm(join(directory, `${component}.wanted`))
    try {
      await start(component)
      await writeFile(join(directory, `${component}.started`), '')
    } catch (error) {
      fault = error
      await writeReadable(join(directory, `${component}.failed`), `${describeError(error)}\n`)
    }
  }
  const running = new Set<Promise<void>>()
  const look = () => {
    for (const component of startable) {
      if (!existsSync(join(directory, `${component}.wanted`)) || busy.has(component)) continue
      busy.add(component)
      const work = answer(component).finally(() => {
        busy.delete(component)
        running.delete(work)
      })
      running.add(work)
    }
  }
  const busy = new Set<ComponentName>()
  const timer = setInterval(look, 100)
  return {
    directory,
    throwFault() {
      if (fault === undefined) return
      const thrown = fault
      fault = undefined
      throw thrown
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await Promise.allSettled(running)
    },
  }
}
