/**
 * Runs `work` over the items, at most `lanes` at a time; each run is given its lane's number, which no other has meanwhile.
 * The first failure is thrown once every running one has ended; no further item is begun after it.
 */
export async function inLanes<T>(items: T[], lanes: number, work: (item: T, lane: number) => Promise<void>): Promise<void> {
  const queue = items.values()
  const failures: unknown[] = []
  const runLane = async (lane: number) => {
    for (const item of queue) {
      if (failures.length > 0) return
      try {
        await work(item, lane)
      } catch (error) {
        failures.push(error)
      }
    }
  }
  await Promise.all([...Array(Math.min(lanes, items.length)).keys()].map(runLane))
  if (failures.length > 0) throw failures[0]
}
