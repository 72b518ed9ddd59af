import type { Context } from '../base/context.ts'
import type { ComponentName } from '../base/events.ts'
import type { Finding } from '../base/finding.ts'

/**
 * What every component folder offers, in files of the same names: `index.ts` (this object), `inventory.ts`, `backup.ts`,
 * `restore.ts`, `wipe.ts`, and `check.ts`, `verify.ts`, `diff.ts`. The order *across* components lives in `commands/` only.
 *
 * `C` is the component's section of datapipe.yaml, `P` its part of the manifest.
 */
export interface Component<C, P> {
  readonly name: ComponentName
  /** Parses this component's part of a manifest; a `format-too-new` or `artifact-damaged` error when it does not fit. */
  parsePart(part: unknown): P
  /** Everything `datapipe check` wants to know; never throws for a fault of the server: each fault is a failed item. */
  check(config: C, context: Context): Promise<CheckItem[]>
  /** What a restore into this target would find: its identity and whether it is empty. Throws `unreachable`, `unauthorized`. */
  identify(config: C, context: Context): Promise<TargetIdentity>
  /** What a wipe would remove (`wipe --dry-run`); steps are what `wipe` then does. */
  planWipe(config: C, context: Context): Promise<PlanStep[]>
  /** Removes everything of the component and waits until it is gone. */
  wipe(config: C, context: Context): Promise<void>
}

export interface CheckItem {
  component: ComponentName | 'repository'
  /** What was tried, e.g. `wal_level is logical`. */
  name: string
  verdict: 'pass' | 'fail' | 'warning' | 'not run'
  /** What was seen: version, value, or the server's words. */
  detail: string
  /** What to type when it failed. */
  next?: string
}

export interface TargetIdentity {
  component: ComponentName
  /** PostgreSQL system identifier, Kafka cluster id, registry URL + kind, Connect's Kafka cluster id + group. */
  identity: string
  empty: boolean
  /** What is there, when not empty: the first items, for the refusal's text. */
  contents: string[]
}

/** One step of a plan, as printed by `--dry-run` and then done. */
export interface PlanStep {
  component: ComponentName
  /** Imperative sentence, e.g. `create topic orders (3 partitions, cleanup.policy=compact)`. */
  text: string
  /** True when the step removes or overwrites something. */
  destructive: boolean
}

/** What a restore of one component did, for the report. Counts are named in the plural: `records`, `topics`, `schemas`… */
export interface RestoreOutcome {
  component: ComponentName
  counts: Record<string, number>
  bytes: number
  findings: Finding[]
}
