import type { Context } from '../../base/context.ts'

/** Layouts from this one on have backups that need files of earlier ones. */
const sharingLayout = 2

/** In a repository of layout 1 each backup holds all it needs: a Datapipe that knows no other layout would remove what only others need. */
export function standsAlone(layout: number, context: Context): boolean {
  if (layout >= sharingLayout) return false
  context.emit({
    type: 'log',
    level: 'info',
    message: `this repository has layout ${layout}: every backup in it stores everything (one begun by this version stores only what is new)`,
  })
  return true
}
