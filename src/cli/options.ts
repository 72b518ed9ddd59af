import { answers } from '../base/errors.ts'
import { columnChoices, exportFormats } from '../commands/export/columns.ts'
import { phantomWays } from '../commands/restore/phantom-ways.ts'
import { rowKinds } from '../commands/rows/row-kinds.ts'
import { componentNames } from '../repository/layout.ts'
import type { CommandSpec, OptionSpec } from './command-spec.ts'
import { drillCommand } from './drill-options.ts'

export const registryRoutes = ['auto', 'native', 'rest-import', 'raw-topic'] as const
export const imageReleases = ['trixie', 'bookworm'] as const

const registryRoute: OptionSpec = {
  flags: '--registry-route ROUTE',
  text: 'how schemas come back with the same ids; auto asks the registry what it can',
  choices: registryRoutes,
}
const only: OptionSpec = { flags: '--only COMPONENT...', text: 'these components alone', choices: componentNames }
const yes: OptionSpec = { flags: '--yes IDENTITY', text: 'the identity of the target as printed in the plan: confirms that it may be changed' }
const dryRun: OptionSpec = { flags: '--dry-run', text: 'print the plan and touch nothing' }
const directory: OptionSpec = { flags: '--directory DIR', text: 'the directory of the stack' }
const secure: OptionSpec = { flags: '--secure', text: 'servers that want TLS and passwords everywhere: SASL_SSL, HTTPS, hostssl' }
const install: OptionSpec = { flags: '--install', text: 'install missing programs with apt-get (root, or sudo); DATAPIPE_INSTALL=1 says the same' }

/** docs/kafka-restore.md tells more of each. */
const kafkaRestoreOptions: OptionSpec[] = [
  {
    flags: '--replication-factor N',
    text: 'replicas of the topics that are created, instead of their own (kafka.restore.replicationFactor)',
    integer: true,
  },
  { flags: '--topic GLOB...', text: 'with --only kafka: these topics alone; each pattern must match one' },
  { flags: '--rename FROM=TO...', text: 'with --only kafka: other names for topics; * and ? on the right stand for what they matched on the left' },
  { flags: '--preserve-offsets', text: 'every record of topics with data at its own offset, or a refusal that says why not' },
  { flags: '--repartition TOPIC=N...', text: 'another number of partitions for a topic: records are spread by key, as the Java producer does' },
  { flags: '--from-time TIME', text: 'with --only kafka: records from this time on (2026-11-25T09:00:00Z, or milliseconds since 1970)' },
  { flags: '--to-time TIME', text: 'with --only kafka: records before this time' },
  { flags: '--offsets TOPIC/PARTITION=FROM..TO...', text: 'with --only kafka: these offsets alone, TO not included; either end may be left out' },
  { flags: '--offset-map FILE', text: 'write where every record went, as JSON; no file is overwritten' },
  { flags: '--acls', text: 'set the ACLs and quotas of the backup that the target lacks' },
  { flags: '--without-groups', text: 'leave the positions of consumer groups alone' },
  { flags: '--group GLOB...', text: 'with --only kafka: the positions of these groups alone, on topics that live on; nothing else is touched' },
  { flags: '--by-offset-map FILE', text: 'with --group: what the restore that made the topics wrote with --offset-map' },
]

/** Options of every command. */
export const globalOptions: readonly OptionSpec[] = [
  { flags: '--config FILE', text: 'the configuration (default: datapipe.yaml)' },
  { flags: '--json', text: 'write events as JSON lines to stdout; the last one is `result` or `error`' },
  { flags: '--quiet', text: 'no progress: only results, warnings and errors' },
]

/** Every command, in the order of `datapipe --help`. Help, docs/cli.md and the parser come from it. */
export const commandTable: readonly CommandSpec[] = [
  {
    name: 'check',
    summary: 'test that the servers, permissions, WAL archive and tools are fit for a backup',
    description: 'Tests everything and lists every fault, not the first one. A WAL segment switch is forced to see the archive work.',
    answers: { [answers.no]: 'something failed', [answers.unknown]: 'something could not be tested' },
  },
  {
    name: 'backup',
    summary: 'back up all components at one recovery point',
    description:
      'The database never stops; change capture pauses for seconds, or with --no-barrier not at all. An unfinished backup of a killed run is gone on with. The manifest is written last: without it there is no backup.',
    options: [
      { flags: '--fresh', text: 'throw unfinished work of a killed run away and begin anew' },
      { flags: '--follow', text: 'go on: a recovery point every so many seconds, until Ctrl-C or SIGTERM, which takes a last one' },
      { flags: '--every SECONDS', text: 'with --follow: from one recovery point to the next (default: 60)', integer: true },
      { flags: '--base-every HOURS', text: "with --follow: age at which PostgreSQL's base backup is taken anew (default: 24)", integer: true },
      { flags: '--keep-last N', text: 'with --follow: after each point remove backups but the newest so many, as expire does', integer: true },
      { flags: '--keep-days D', text: 'with --follow: after each point remove backups but those of the last so many days', integer: true },
      { flags: '--no-barrier', text: 'stop no connector: the topics are stored beyond the point, and end at it by transaction' },
      { flags: '--shards N', text: 'take the recovery point, store all but the topics, and plan them in so many shards', integer: true },
      { flags: '--shard I/N', text: 'store one shard of a planned backup; several processes, on several machines, may do so at once' },
      { flags: '--merge', text: 'make a backup of a planned one when all its shards are stored' },
      { flags: '--id ID', text: 'with --shard and --merge: which planned backup (default: the only one)' },
      { flags: '--full', text: 'store all records of the topics, also those that earlier backups hold' },
      { flags: '--label TEXT', text: 'a name for people, shown by list and show' },
    ],
    answers: { [answers.incomplete]: 'finished, but with gaps, which the manifest lists' },
    examples: [
      'backup --label "before the upgrade"',
      'backup --follow --every 60 --keep-last 500 --keep-days 2',
      'backup --no-barrier',
      'backup --shards 8',
      'backup --shard 3/8',
      'backup --merge',
    ],
  },
  {
    name: 'list',
    summary: 'list the backups of the repository',
    description: 'Unfinished and damaged ones are listed too, and shown as such.',
  },
  {
    name: 'show',
    summary: 'show what a backup holds',
    arguments: [{ name: 'BACKUP', text: 'an id, the beginning of one, or latest', required: true }],
    examples: ['show latest'],
  },
  {
    name: 'points',
    summary: 'show which moments can be restored: windows in which every commit is a point, and points with names',
    description:
      "From the WAL of the backups, without any server: a window reaches from the end of a base backup to what the backup's WAL and topics reach. Points with names are backups, and restore points that were made with pg_create_restore_point.",
    options: [
      { flags: '--backup BACKUP', text: 'those of one backup: an id, the beginning of one, or latest' },
      { flags: '--from POINT', text: 'from here on: an LSN, an xid, or a time (2026-11-25T09:00:00Z)' },
      { flags: '--to POINT', text: 'up to here' },
      { flags: '--commits N', text: 'list the last so many commits', integer: true },
    ],
    answers: { [answers.unknown]: 'the WAL of a backup could not be read' },
    examples: ['points', 'points --from 2026-11-25T09:00:00Z --to 2026-11-25T09:05:00Z --commits 100'],
  },
  {
    name: 'verify',
    summary: 'read a backup in full and prove that it is whole',
    description:
      'Every SHA-256, then what each component knows of its own: the CRC and the offsets of every record batch, the WAL from the base backup to the recovery point, every schema id that records carry.',
    arguments: [{ name: 'BACKUP', text: 'an id, the beginning of one, or latest (default: latest)', required: false }],
    options: [{ flags: '--all', text: 'every finished backup' }],
    answers: { [answers.no]: 'damage was found' },
    examples: ['verify latest', 'verify --all --json'],
  },
  {
    name: 'expire',
    summary: 'remove old backups, and every file that no remaining one needs',
    description:
      'Prints what would go and demands the URL of the repository. A backup that one of the options keeps stays; so does the newest complete one, whatever they say. A run that was killed is finished by the next.',
    options: [
      { flags: '--keep-last N', text: 'keep the newest so many backups', integer: true },
      { flags: '--keep-days D', text: 'keep the backups of the last so many days', integer: true },
      { flags: '--yes URL', text: 'the URL of the repository as printed in the plan: confirms that it may be changed' },
      dryRun,
    ],
    examples: ['expire --keep-last 7 --dry-run', 'expire --keep-last 3 --keep-days 14 --yes file:///mnt/backups/datapipe'],
  },
  {
    name: 'restore',
    summary: 'restore a backup into the configured servers',
    description:
      'Makes a plan first and refuses what is unsafe: a target that holds data, the system that the backup came from, schema ids that would change, missing WAL. Reads back what it wrote and fails when it differs.',
    arguments: [{ name: 'BACKUP', text: 'an id, the beginning of one, or latest; may be left out with --to', required: false }],
    options: [
      dryRun,
      {
        flags: '--to POINT',
        text: "another moment than the backup's own point: a time (2026-11-25T09:00:00Z), an LSN, an xid, a name of `datapipe points`, or latest",
      },
      { flags: '--in-place', text: 'the target may be the system that the backup came from' },
      registryRoute,
      only,
      { flags: '--secrets-file FILE', text: 'values of the connector secrets that a backup does not hold' },
      { flags: '--leave-connectors-stopped', text: 'do not resume the connectors at the end' },
      {
        flags: '--phantoms WAY',
        text: 'with --only postgres connect: what is done about events, in topics that live on, of transactions that the restored database does not have (default: report)',
        choices: phantomWays,
      },
      { flags: '--lift', text: 'there, too: burn LSNs and xids past the highest that were sent, for sinks that tell old from new by them' },
      { flags: '--phantom-list FILE', text: 'list each of these events, as a line of JSON; no file is overwritten' },
      ...kafkaRestoreOptions,
    ],
    answers: { [answers.no]: 'of a dry run: a restore would be refused now, and why' },
    examples: [
      'restore latest --dry-run',
      'restore --to 2026-11-25T09:00:00Z --dry-run',
      'restore 20261125 --only registry',
      'restore latest --only postgres connect --phantoms compensate --dry-run',
      "restore latest --only kafka --in-place --topic orders --rename '*=restored.*' --without-groups",
      'restore latest --only kafka --group billing --dry-run',
    ],
  },
  {
    name: 'wipe',
    summary: 'remove everything from the configured servers',
    description: 'Prints what would go and demands the identity of the target. Waits until things are gone. Servers stay up.',
    options: [only, yes, dryRun],
    examples: ['wipe --dry-run', 'wipe --only kafka --yes 5L6g3nShT-eMCtK--X86sw'],
  },
  {
    name: 'diff',
    summary: 'compare two of: a backup, the live servers',
    arguments: [
      { name: 'A', text: 'live, or a backup: an id, the beginning of one, or latest', required: true },
      { name: 'B', text: 'the same; with --against live means the other servers', required: true },
    ],
    options: [
      { flags: '--against FILE', text: 'the configuration of the servers that B means by live' },
      { flags: '--to POINT', text: 'take the backup at another moment than its own point, as `restore --to` does' },
    ],
    answers: { [answers.no]: 'they differ', [answers.unknown]: 'something could not be compared' },
    examples: ['diff latest live', 'diff live live --against restored.yaml', 'diff latest live --to 2026-11-25T09:00:00Z'],
  },
  {
    name: 'rows',
    summary: 'show what tables have lost since a backup, and write SQL that brings it back',
    description:
      'For a table that was dropped, or a transaction that should not have been. Recovers PostgreSQL in a scratch server (no network, no archiving) beside the live one, compares row by row, and removes it again. Changes nothing: the SQL is one transaction for you to read, and to run with psql.',
    arguments: [
      { name: 'BACKUP', text: 'an id, the beginning of one, or latest; with --to or --before-xid: found by itself when left out', required: false },
    ],
    options: [
      { flags: '--table TABLE...', text: 'SCHEMA.TABLE, also with * and ?; a partitioned table stands for its partitions' },
      { flags: '--to POINT', text: 'compare with this moment: a name, time, LSN or xid, as restore --to takes them' },
      { flags: '--database NAME', text: 'default: that of postgres.url' },
      {
        flags: '--before-xid N',
        text: 'the state just before this transaction committed, and only the rows that it touched; without --table in every table',
      },
      { flags: '--kind KIND...', text: 'rows that the SQL brings back (default: missing changed; with --before-xid all)', choices: rowKinds },
      { flags: '--output FILE', text: 'where the SQL goes; no file is overwritten' },
    ],
    answers: { [answers.no]: 'they differ, and no --output was given' },
    examples: [
      'rows latest --table public.orders',
      'rows latest --table public.orders --output orders.sql',
      'rows --before-xid 48211 --output undo.sql',
      'rows --to 2026-11-25T09:00:00Z --table public.orders',
    ],
  },
  {
    name: 'tools',
    summary: 'run every command-line tool of the backup-tools image, and say which one does not work',
    description:
      'Each tool starts, and does what it is there for: on files, on a PostgreSQL server of its own, and on the servers that datapipe.yaml names, where it reads. Without a datapipe.yaml acts on servers are `not run`, which is no pass.',
    options: [{ flags: '--scratch-topic NAME', text: 'a topic that the tools may create, write to and delete, with its subject' }],
    answers: { [answers.no]: 'a tool is missing or does not work' },
    examples: ['tools', 'tools --scratch-topic datapipe-tools --json'],
  },
  {
    name: 'image',
    summary: 'build the backup-tools image',
    description:
      'Needs a container engine and package registries; where no image registry answers, debootstrap makes the base. Says at the end what each part weighs. The registries are reached as this machine reaches them, its certificates included; nothing of that stays in the image.',
    options: [
      { flags: '--tag TAG', text: 'name of the image (default: datapipe-backup-tools:latest)' },
      { flags: '--pg-major N', text: 'major version of the PostgreSQL programs (default: that of the release, 17 or 15)', integer: true },
      { flags: '--release RELEASE', text: 'Debian release of the base (default: trixie; bookworm for PostgreSQL 15)', choices: imageReleases },
      { flags: '--ca FILE', text: 'certificates that the build has to trust (PEM), for a proxy that inspects' },
    ],
    examples: ['image', 'image --pg-major 15 --tag datapipe-backup-tools:pg15'],
  },
  {
    name: 'export',
    summary: 'write topics of a backup as files of lines, without any server',
    description:
      'avro-json is what kafka-avro-console-consumer would print; raw is every record whole, as JSON with base64. Beside each file, FILE.about.json says what its lines are, and counts what of the records they do not hold.',
    arguments: [{ name: 'BACKUP', text: 'an id, the beginning of one, or latest', required: true }],
    options: [
      { flags: '--topic GLOB...', text: 'topics; each pattern must match one', required: true },
      { flags: '--output DIR', text: 'where the files go; none is overwritten', required: true },
      { flags: '--format FORMAT', text: 'default: avro-json', choices: exportFormats },
      { flags: '--columns COLUMN...', text: 'beside the value of avro-json, in the order of the consumer', choices: columnChoices },
      { flags: '--from-time TIME', text: 'records from this time on (2026-11-25T09:00:00Z, or milliseconds since 1970)' },
      { flags: '--to-time TIME', text: 'records before this time' },
      { flags: '--offsets TOPIC/PARTITION=FROM..TO...', text: 'these offsets alone, TO not included; either end may be left out' },
    ],
    examples: [
      "export latest --topic 'shop.*' --columns key ids partition timestamp --output exported",
      'export latest --topic connect-offsets --format raw --output exported',
    ],
  },
  {
    name: 'import',
    summary: 'append exported files to live topics',
    description: 'Reads and encodes every line of every file before anything is sent. Layout and topic come from FILE.about.json where it is.',
    arguments: [{ name: 'FILES...', text: 'files of an export, or lines that the consumer printed', required: true }],
    options: [
      dryRun,
      { flags: '--topic TOPIC', text: 'where the records go, when it is not their own topic' },
      { flags: '--format FORMAT', text: 'of files without FILE.about.json (default: avro-json)', choices: exportFormats },
      {
        flags: '--columns COLUMN...',
        text: 'of files without FILE.about.json, in their order: timestamp partition offset key key-id value value-id',
      },
      { flags: '--key-schema SCHEMA', text: 'of keys that carry no id: an id, or SUBJECT:VERSION' },
      { flags: '--value-schema SCHEMA', text: 'of values that carry no id: an id, or SUBJECT:VERSION' },
    ],
    examples: [
      'import exported/shop.orders.avro.json --dry-run',
      'import lines.json --topic orders --columns key value --key-schema 3 --value-schema orders-value:2',
    ],
  },
  drillCommand({ install, secure, registryRoute }),
  {
    name: 'stack up',
    summary: 'start the four servers to play with, and print a datapipe.yaml for them',
    options: [
      directory,
      { ...only, text: 'these servers alone, and what they need (Kafka, for the registry and Connect)' },
      install,
      secure,
      { flags: '--brokers N', text: 'Kafka brokers (default: 1)', integer: true },
    ],
  },
  { name: 'stack status', summary: 'show the servers of a stack, or of all stacks', options: [directory] },
  {
    name: 'stack down',
    summary: 'stop the servers of a stack and remove its data',
    options: [directory, { flags: '--keep', text: 'leave the data' }],
  },
  {
    name: 'stack start',
    summary: 'start one server of a stack and wait until it serves',
    arguments: [{ name: 'COMPONENT', text: 'which', required: true, choices: componentNames }],
    options: [directory],
  },
  {
    name: 'stack stop',
    summary: 'stop one server of a stack; its data stay',
    arguments: [{ name: 'COMPONENT', text: 'which', required: true, choices: componentNames }],
    options: [directory],
  },
  {
    name: 'archive-wal',
    summary: "store a WAL segment for good: PostgreSQL's archive_command",
    description:
      "Never overwrites, is durable when it returns, and keys by system identifier and timeline. In postgresql.conf: archive_command = 'datapipe archive-wal %p DIRECTORY'.",
    arguments: [
      { name: 'SEGMENT_PATH', text: "%p: relative to the server's data directory, which is the working directory", required: true },
      { name: 'DIRECTORY', text: 'the archive', required: true },
    ],
  },
]
