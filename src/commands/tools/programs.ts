import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import { runProgram } from './run-program.ts'
import type { Act, ToolPart } from './tool-item.ts'

interface Program {
  part: ToolPart
  name: string
  /** Makes it say something and end well. */
  args: readonly string[]
  /** What it must say. The first group is shown, the whole match where there is none. */
  says: RegExp
  /** With which exit code it does that, when it is not 0. */
  exits?: number
}

const version = ['--version']
const help = ['--help']

/** Kafka's tools that know `--version`. */
const kafkaVersioned = [
  'acls',
  'broker-api-versions',
  'client-metrics',
  'configs',
  'console-consumer',
  'console-producer',
  'console-share-consumer',
  'consumer-groups',
  'consumer-perf-test',
  'delegation-tokens',
  'delete-records',
  'dump-log',
  'get-offsets',
  'groups',
  'jmx',
  'leader-election',
  'log-dirs',
  'reassign-partitions',
  'replica-verification',
  'share-consumer-perf-test',
  'share-groups',
  'streams-application-reset',
  'streams-groups',
  'topics',
  'transactions',
]
/** Those whose option parser knows `--help` alone, with the exit code that it has there. */
const kafkaHelping = {
  features: 0,
  'metadata-quorum': 0,
  storage: 0,
  cluster: 1,
  'producer-perf-test': 1,
  'verifiable-consumer': 1,
  'verifiable-producer': 1,
}

const postgres = [
  'psql',
  'pg_dump',
  'pg_dumpall',
  'pg_restore',
  'pg_basebackup',
  'pg_receivewal',
  'pg_verifybackup',
  'pg_waldump',
  'pg_controldata',
  'pg_ctl',
  'postgres',
]

/** Every program that the image promises. `postgresMajor`: of the image, since pg_combinebackup came with 17. */
export function programs(postgresMajor: number): Program[] {
  const names = postgresMajor >= 17 ? [...postgres, 'pg_combinebackup'] : postgres
  return [
    ...kafkaVersioned.map((name): Program => ({ part: 'kafka', name: `kafka-${name}`, args: version, says: /^\d+\.\d+\.\d+\S*/m })),
    ...Object.entries(kafkaHelping).map(
      ([name, exits]): Program => ({ part: 'kafka', name: `kafka-${name}`, args: help, says: /^usage: [\w-]+/m, exits }),
    ),
    ...['consumer', 'producer'].map(
      (name): Program => ({ part: 'avro', name: `kafka-avro-console-${name}`, args: version, says: /\d+\.\d+\.\d+\S*/ }),
    ),
    ...names.map((name): Program => ({ part: 'postgres', name, args: version, says: /\(PostgreSQL\) (\d+(\.\d+)+)/ })),
    { part: 'http', name: 'curl', args: version, says: /^curl (\d+\.\d+\.\d+)/ },
    { part: 'http', name: 'jq', args: version, says: /^jq-(\d+\.\d+\S*)/ },
    { part: 'engine', name: 'node', args: version, says: /^v(\d+\.\d+\.\d+)/ },
    { part: 'engine', name: 'datapipe', args: version, says: /\d+\.\d+\.\d+\S*/ },
  ]
}

/** One act a program: it starts, and says its version. */
export function startActs(list: readonly Program[], context: Context): Act[] {
  return list.map(({ part, name, args, says, exits = 0 }) => ({
    part,
    tool: name,
    act: 'starts',
    attempt: async () => {
      const { stdout, stderr } = await runProgram(name, args, { context, exits })
      const found = says.exec(stdout) ?? says.exec(stderr)
      if (found === null) throw new DatapipeError('tool-failed', `${name} ${args.join(' ')} does not say ${says.source}: ${stdout || stderr}`)
      return found[1] ?? found[0]
    },
  }))
}
