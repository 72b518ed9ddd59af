import { answers } from '../base/errors.ts'
import { lossNames } from '../commands/loss-names.ts'
import type { CommandSpec, OptionSpec } from './command-spec.ts'

export const drillRoutes = ['auto', 'native', 'raw-topic'] as const
export const stackKinds = ['auto', 'embedded', 'containers'] as const
export const imageProfiles = ['local', 'official'] as const
export const drillWays = ['engine', 'original'] as const
export const archiveModes = ['directory', 'receive'] as const

/** `drill`, with the options that it shares with others. docs/drills.md tells more of each. */
export function drillCommand({ install, secure, registryRoute }: Record<'install' | 'secure' | 'registryRoute', OptionSpec>): CommandSpec {
  return {
    name: 'drill',
    summary: 'lose a whole pipeline on real servers and get it back',
    description:
      'Starts a stack, fills it, backs it up while a writer goes on, destroys everything, restores, compares with what was there, and writes the validation matrix.',
    options: [
      { flags: '--stack KIND', text: 'where the servers come from (default: auto)', choices: stackKinds },
      { flags: '--profile PROFILE', text: 'containers: images built here, or as their makers publish them (default: local)', choices: imageProfiles },
      { flags: '--postgres VERSION', text: 'containers: major version of PostgreSQL (default: 17)' },
      { flags: '--kafka VERSION', text: 'containers: version of the broker (default: 4.3.1)' },
      { flags: '--debezium VERSION', text: 'containers: version of Debezium, which brings its Connect (default: 3.6.0.Final)' },
      { flags: '--engine-memory MIB', text: "containers: memory limit of the engine's container (default: 1024)", integer: true },
      install,
      secure,
      {
        flags: '--route WAY',
        text: "which way back: Datapipe's, or the original document's console tools, whose losses are counted",
        choices: drillWays,
      },
      { flags: '--tools-image IMAGE', text: 'containers: run the engine in this image; with --route original: the console tools' },
      { flags: '--rows N', text: 'rows of the largest table', integer: true },
      { flags: '--sql FILE...', text: 'a dump of your own to drill on (pg_dump plain text)' },
      { flags: '--archive-mode MODE', text: 'how WAL is archived', choices: archiveModes },
      { ...registryRoute, choices: drillRoutes },
      { flags: '--keep', text: 'leave the stack up at the end' },
      { flags: '--reports DIR', text: 'where the matrix goes (default: reports)' },
      { flags: '--add', text: 'keep the rows of other runs that stand in the matrix there' },
      { flags: '--seconds N', text: 'how long the writer goes on around the backup', integer: true },
      { flags: '--seed N', text: "repeats the writer's transfers of an earlier drill; with --runs: the first of the seeds", integer: true },
      { flags: '--loss NAME...', text: 'what is lost, one drill each on the same servers (default: all, alone)', choices: lossNames },
      {
        flags: '--all',
        text: 'every loss, one after the other on the same servers, then 25 seeds, or as many as --runs says: half an hour and more',
      },
      {
        flags: '--runs K',
        text: 'randomised drills, with the seeds from --seed (default: 1) on; stops behind the first that does not pass',
        integer: true,
      },
      { flags: '--keep-going', text: 'with --runs: go on behind one that does not pass' },
      { flags: '--analyze DIR', text: 'judge a run again from the evidence in its directory; starts no server' },
    ],
    answers: { [answers.no]: 'a check failed', [answers.unknown]: 'a check could not tell' },
    examples: [
      'drill',
      'drill --rows 100000 --sql my-schema.sql',
      'drill --loss postgres kafka',
      'drill --seed 1 --runs 25',
      'drill --stack containers --postgres 15 --kafka 3.4.1 --debezium 2.7.4.Final --add',
    ],
  }
}
