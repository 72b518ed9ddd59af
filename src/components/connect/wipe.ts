import type { ConnectConfig } from '../../base/config.ts'
import { type Context, inPhase } from '../../base/context.ts'
import { waitUntil } from '../../base/wait-until.ts'
import { type ConnectClient, connectClient } from '../../clients/connect.ts'
import type { PlanStep } from '../component.ts'
import { settledOffsets, untilStopped } from './control.ts'

/** What `wipeConnect` would do. Reads only. */
export async function planWipeConnect(config: ConnectConfig, context: Context): Promise<PlanStep[]> {
  const client = connectClient(config, context.signal)
  const steps: PlanStep[] = []
  for (const { name, status } of await client.connectors()) {
    const offsets = await client.offsets(name)
    steps.push({
      component: 'connect',
      text: `stop connector ${name} (${status.connector.state}), delete its ${offsets.length} offsets, delete it`,
      destructive: true,
    })
  }
  return steps
}

/**
 * Removes every connector *and its offsets*: deleting a connector alone keeps them, and one created later under the same name would go on from there.
 * Waits until each is gone. Throws `server-refused`, `timeout`.
 */
export async function wipeConnect(config: ConnectConfig, context: Context): Promise<void> {
  await inPhase(context, 'wipe connect', async () => {
    const client = connectClient(config, context.signal)
    for (const name of await client.names()) {
      await client.stop(name)
      await untilStopped(client, name, context)
      await deleteOffsets(client, name, context)
      await client.remove(name)
      await waitUntil(async () => (await client.status(name)) === undefined && !(await client.names()).includes(name), {
        what: `connector ${name} to go`,
        timeoutMs: 60_000,
        signal: context.signal,
      })
    }
  })
}

/** Until two looks, half a second apart, see none: a partition that the worker did not know yet is not deleted with the others. */
async function deleteOffsets(client: ConnectClient, name: string, context: Context): Promise<void> {
  await waitUntil(
    async () => {
      if ((await settledOffsets(client, name)).length === 0) return true
      await client.deleteOffsets(name)
      return false
    },
    { what: `the offsets of connector ${name} to go`, timeoutMs: 60_000, signal: context.signal },
  )
}
