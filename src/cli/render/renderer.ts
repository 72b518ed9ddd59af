import type { DatapipeEvent } from '../../base/events.ts'

/** Shows events as they come. Results go through `result` and `error` events too: the last one that a renderer sees. */
export interface Renderer {
  event(event: DatapipeEvent): void
  /** Leaves the terminal as it should stay; nothing follows. */
  close(): void
}

export interface Output {
  write(text: string): void
}

/** The text of a result for people, on stdout. */
export type ResultText = (command: string, result: unknown) => string
