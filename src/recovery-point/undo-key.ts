import type { TouchedKey } from './phantoms.ts'

/** What a key was at the cut: a row, in the value that last brought it; none; or nobody knows. */
export type StateAtCut = { row: Buffer } | 'absent' | 'unknown'

/**
 * - `again`: the value that a key had at the cut, once more.
 * - `delete`: the row that phantoms have made goes.
 * - `nothing`: consumers are where they should be.
 * - `unknown`: the key was there before, and no record says what it was.
 */
export type KeyUndo = { undo: 'again'; value: Buffer } | { undo: 'delete'; row: Buffer } | { undo: 'nothing' } | { undo: 'unknown' }

/** `before`: by the records up to the cut. Without any, the first phantom tells whether there was a row. Pure. */
export function undoKey({ firstOp, lastOp, lastRow }: TouchedKey, before: StateAtCut): KeyUndo {
  if (typeof before === 'object') return { undo: 'again', value: before.row }
  if (before === 'unknown' && firstOp !== 'c') return { undo: 'unknown' }
  if (lastOp === 'd') return { undo: 'nothing' }
  return lastRow === undefined ? { undo: 'unknown' } : { undo: 'delete', row: lastRow }
}
