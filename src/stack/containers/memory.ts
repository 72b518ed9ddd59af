import { nameOf, type Run } from './run.ts'

/**
 * Memory of a container now, bytes, as `docker stats` counts it: without the pages of files that the kernel would drop first.
 * Undefined when it does not run.
 */
export async function containerMemory(run: Run, what: string): Promise<number | undefined> {
  const { getContainerRuntimeClient } = await import('testcontainers')
  const client = await getContainerRuntimeClient()
  try {
    const { memory_stats } = await client.container.getById(nameOf(run, what)).stats({ stream: false, 'one-shot': true })
    const { usage, stats } = memory_stats
    if (usage === undefined) return undefined
    // cgroup v1 says total_inactive_file, v2 inactive_file.
    const droppable = stats?.total_inactive_file ?? stats?.inactive_file ?? 0
    return Math.max(0, usage - droppable)
  } catch (error) {
    if (error instanceof Error && 'statusCode' in error && error.statusCode === 404) return undefined
    throw error
  }
}
