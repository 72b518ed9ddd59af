/**
 * The one table of errors. Each code has its own exit code and a default hint;
 * `docs/exit-codes.md` is generated from it (`npm run docs`).
 *
 * Exit codes start above Node's own (1-14): 0 done/same/intact, 20 answered no, 21 cannot tell,
 * 22 finished incomplete, 30… named refusals and failures, 64 usage or configuration, 70 our bug,
 * 130 interrupted.
 */
export const errorTable = {
  // usage and configuration
  usage: { exit: 64, meaning: 'the command line is wrong', hint: 'run `datapipe --help`' },
  'config-invalid': { exit: 64, meaning: 'datapipe.yaml does not parse, or has an unknown or missing key', hint: 'docs/cli.md lists every key' },
  'topic-pattern-empty': {
    exit: 64,
    meaning: 'a topic pattern matches no topic',
    hint: 'correct kafka.topics.include, or list the topics with `datapipe check`',
  },

  // named refusals and failures
  'programs-missing': {
    exit: 30,
    meaning: 'programs that the embedded stack needs are not installed',
    hint: 'run again with --install, or type the line above',
  },
  unreachable: { exit: 31, meaning: 'a server does not answer', hint: 'run `datapipe check`' },
  unauthorized: { exit: 32, meaning: 'a server refused the credentials', hint: 'check user name and password in datapipe.yaml' },
  'server-refused': { exit: 33, meaning: 'a server answered with an error', hint: 'read its message above; `datapipe check` tests permissions' },
  timeout: { exit: 34, meaning: 'something did not happen in time', hint: 'look at the last log lines above' },
  'backup-not-found': { exit: 35, meaning: 'no such backup, or it has no manifest (it never finished)', hint: 'run `datapipe list`' },
  'format-too-new': { exit: 36, meaning: 'the backup was written by a newer Datapipe', hint: 'use the version that wrote it, or newer' },
  'artifact-damaged': {
    exit: 37,
    meaning: 'a stored file differs from its recorded checksum or size',
    hint: 'run `datapipe verify BACKUP`; restore another backup',
  },
  'artifact-missing': {
    exit: 38,
    meaning: 'a stored file that the manifest lists is not there',
    hint: 'run `datapipe verify BACKUP`; restore another backup',
  },
  'wal-gap': {
    exit: 39,
    meaning: 'a WAL segment between base backup and recovery point is missing',
    hint: 'run `datapipe verify BACKUP`; look for the segment in the archive',
  },
  'target-not-empty': {
    exit: 40,
    meaning: 'the restore target already holds data',
    hint: 'wipe it first: `datapipe wipe` prints what would go; of PostgreSQL stop the server and move its data directory away',
  },
  'target-is-source': { exit: 41, meaning: 'the restore target is the system that the backup came from', hint: 'if you mean it, say --in-place' },
  'ids-would-change': {
    exit: 42,
    meaning: 'the registry would give other schema ids than the records carry',
    hint: 'choose another way back with --registry-route',
  },
  'offset-ahead': {
    exit: 43,
    meaning: 'a connector offset is ahead of the database: PostgreSQL would skip commits silently',
    hint: 'restore the offset to the slot position',
  },
  'barrier-not-reached': {
    exit: 44,
    meaning: 'no recovery point could be taken: the connector never stopped between transactions',
    hint: 'run the backup again when the load is lower',
  },
  'archive-broken': { exit: 45, meaning: 'WAL archiving does not work', hint: 'look at pg_stat_archiver and the PostgreSQL log' },
  'archive-conflict': {
    exit: 46,
    meaning: 'the WAL archive already holds another file of this name',
    hint: 'two servers archive into one place: give each its own',
  },
  'prepared-transactions': {
    exit: 47,
    meaning: 'prepared transactions would block the replication slot',
    hint: 'ROLLBACK PREPARED or COMMIT PREPARED each one',
  },
  'slot-problem': { exit: 48, meaning: 'a replication slot is missing, in use, or cannot be made', hint: 'look at pg_replication_slots' },
  'group-not-applied': {
    exit: 49,
    meaning: 'a consumer group position could not be set',
    hint: 'stop the consumers of the group, then restore the groups again',
  },
  locked: { exit: 50, meaning: 'another Datapipe run holds the repository', hint: 'wait for it; a dead owner is noticed by itself' },
  'storage-failed': { exit: 51, meaning: 'the storage could not be read or written', hint: 'check space and permissions' },
  'tool-failed': { exit: 52, meaning: 'an external program failed', hint: 'its last lines are above' },
  'tool-missing': { exit: 53, meaning: 'an external program is not installed', hint: 'run `datapipe check` for the list' },
  'confirmation-missing': {
    exit: 54,
    meaning: 'a destructive command was not confirmed with the identity of its target',
    hint: 'repeat it with --yes IDENTITY as printed in the plan',
  },
  'restore-mismatch': {
    exit: 55,
    meaning: 'what was read back after the restore differs from the backup',
    hint: 'do not use the restored system; run `datapipe diff`',
  },
  'kafka-corrupt': {
    exit: 56,
    meaning: 'a record batch from the broker failed its CRC or could not be parsed',
    hint: 'check the broker disk; kafka-dump-log shows the batch',
  },
  'not-supported': { exit: 57, meaning: 'the server or format lacks what this needs', hint: 'the message names what is missing' },
  'stack-failed': { exit: 58, meaning: 'a server of the drill stack did not start', hint: 'its last log lines are above' },
  'tls-failed': {
    exit: 60,
    meaning: 'no TLS with a server: its certificate is not to be trusted, or one side speaks TLS and the other does not',
    hint: 'compare the URL and the certificates in datapipe.yaml with the server',
  },
  'engine-missing': { exit: 61, meaning: 'no container engine answers', hint: 'start one (dockerd), or use the embedded stack' },
  'image-missing': {
    exit: 62,
    meaning: 'a container image can be neither pulled nor built',
    hint: 'the message names it; `--profile local` builds its own',
  },
  'rename-refused': {
    exit: 63,
    meaning: 'topics cannot be renamed so: an internal topic, an impossible name, or one that another topic has',
    hint: 'choose other names with --rename FROM=TO',
  },
  'partitions-differ': {
    exit: 65,
    meaning: 'a topic of the target has another number of partitions than the one in the backup',
    hint: 'delete it, or spread its records anew with --repartition TOPIC=N',
  },
  'offsets-not-kept': {
    exit: 66,
    meaning: 'the original offsets cannot be kept exactly',
    hint: 'restore without --preserve-offsets: group positions are translated',
  },
  'secret-in-clear': {
    exit: 67,
    meaning: "a connector's secret stands in clear in a topic that would be stored",
    hint: 'let the connector refer to it by a ConfigProvider, or accept it: connect.secretsInClear: keep',
  },
  'cut-not-possible': {
    exit: 69,
    meaning: 'the topics cannot be cut by transaction: a record does not say which one it belongs to, or no end offset parts what belongs',
    hint: 'take a backup with a barrier (without --no-barrier), and restore it at its own point',
  },
  'point-unreachable': {
    exit: 68,
    meaning: 'no backup can be restored to that moment',
    hint: 'run `datapipe points` for the moments that can be reached',
  },
  'drill-broken': { exit: 59, meaning: 'the drill itself could not run to its end', hint: 'the run directory holds logs and history' },

  // our bug
  internal: { exit: 70, meaning: 'a bug in Datapipe', hint: 'please report it with the text above' },
  interrupted: { exit: 130, meaning: 'stopped by Ctrl-C or SIGTERM', hint: 'run it again; an unfinished backup has no manifest' },
} as const satisfies Record<string, { exit: number; meaning: string; hint: string }>

export type ErrorCode = keyof typeof errorTable

/** Exit codes that answer a question rather than report a failure. */
export const answers = { ok: 0, no: 20, unknown: 21, incomplete: 22 } as const

export interface ErrorDetails {
  /** What to type or look at next; the table's hint when left out. */
  hint?: string
  /** The failing item, from the outside in, e.g. `kafka/topics/orders/3` or `datapipe.yaml: kafka.topics`. */
  path?: string
  cause?: unknown
  /** Every one of several failures that this one tells of, itself first. */
  reasons?: readonly DatapipeError[]
}

/** Every expected failure. Message: lowercase, no full stop, never a secret. */
export class DatapipeError extends Error {
  readonly code: ErrorCode
  readonly hint: string
  readonly path: string | undefined
  /** Empty where it tells of itself alone. */
  readonly reasons: readonly DatapipeError[]

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'DatapipeError'
    this.code = code
    this.hint = details.hint ?? errorTable[code].hint
    this.path = details.path
    this.reasons = details.reasons ?? []
  }

  get exitCode(): number {
    return errorTable[this.code].exit
  }
}

/** The message of anything thrown, with its causes, outermost first. */
export function describeError(error: unknown): string {
  const parts: string[] = []
  let current: unknown = error
  while (current !== undefined && current !== null && parts.length < 6) {
    const text = current instanceof Error ? current.message || current.name : String(current)
    if (text && !parts.includes(text)) parts.push(text)
    current = current instanceof Error ? current.cause : undefined
  }
  return parts.join(': ')
}
