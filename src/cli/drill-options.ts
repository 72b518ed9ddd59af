import { lossNames } from '../commands/loss-names.ts'
import type { OptionSpec } from './command-spec.ts'

/** Of drills that are several on one set of servers, or none at all: docs/drills.md tells more of each. */
export const severalDrills: OptionSpec[] = [
  { flags: '--loss NAME...', text: 'what is lost, one drill each on the same servers (default: all, alone)', choices: lossNames },
  { flags: '--all', text: 'every loss, one after the other on the same servers, then as many seeds as --runs says' },
  {
    flags: '--runs K',
    text: 'randomised drills, with the seeds from --seed (default: 1) on; stops behind the first that does not pass',
    integer: true,
  },
  { flags: '--keep-going', text: 'with --runs: go on behind one that does not pass' },
  { flags: '--analyze DIR', text: 'judge a run again from the evidence in its directory; starts no server' },
]
