import type { RunState } from './run.ts'

/** The images of one stack, there to be started. */
export interface StackImages {
  images: RunState['images']
  registryKind: RunState['registryKind']
  /** Name → version of what is in them. */
  versions: Record<string, string>
}
