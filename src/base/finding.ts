import type { ComponentName } from './events.ts'

/**
 * One thing that `verify`, `diff`, `check` or a checker noticed. Damage found is data, not an exception.
 * - `harm`: data is lost, wrong or unreachable: the verdict is fail.
 * - `warning`: works now, will hurt later.
 * - `note`: worth knowing.
 */
export interface Finding {
  severity: 'harm' | 'warning' | 'note'
  /** Stable kebab-case name of the kind of finding, e.g. `record-missing`. */
  code: string
  component: ComponentName
  /** The item: topic/partition/offset, table/key, subject/version, artifact path… */
  item: string
  /** One sentence, lowercase, without a full stop; shows the differing values, never a bare count. */
  message: string
  /** The next command to type. */
  next?: string | undefined
}
