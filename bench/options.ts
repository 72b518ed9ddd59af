import { parseArgs } from 'node:util'

export interface BenchOptions {
  scale: number
  rounds: number
  /** Names of topics and contenders that are run; all when empty. */
  topics: string[]
  only: string[]
  peer: string | undefined
  /** A running stack to use and leave alone; its topics stay too. */
  stack: string | undefined
  /** Where results go; nothing is written when it is empty. */
  results: string
  /** Sizes in GB of a growing topic: is peak memory flat? */
  growth: number[]
  nodeOptions: string[]
}

export const usage = `Usage: npm run bench -- [options]

Measures backup and restore of Kafka topics beside other tools, on a broker of its own.
PostgreSQL: npm run bench -- postgres --help.

  --scale N          share of the full sizes (default 0.2; 1: about 6 GB of topics, and an hour)
  --rounds N         times that each contender runs (default 3)
  --topics A,B       bench-1k bench-100b bench-lz4 bench-200p bench-1m bench-single (default all)
  --only A,B         contenders by name, or by the beginning of it (default all)
  --peer BINARY      a kafka-backup binary (OSO) to compare with
  --growth 1,4,16    also: peak memory at a topic of so many GB (default none)
  --stack DIRECTORY  use the broker of a stack that runs, and leave it and its topics there
  --results PATH     results.md and results.json go into this directory (default bench; none: nowhere)
  --node-options S   options for Datapipe's Node, e.g. "--cpu-prof --cpu-prof-dir=/tmp/profiles"
`

/** Throws a TypeError for what it does not know. */
export function parseBenchOptions(args: string[]): BenchOptions | 'help' {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    args,
    options: {
      scale: text,
      rounds: text,
      topics: text,
      only: text,
      peer: text,
      growth: text,
      stack: text,
      results: text,
      'node-options': text,
      help: { type: 'boolean' },
    },
  })
  if (values.help) return 'help'
  const list = (value: string | undefined) => value?.split(',').filter(Boolean) ?? []
  const positive = (value: string, name: string) => {
    const number = Number(value)
    if (!(number > 0)) throw new TypeError(`--${name} must be a number above 0, not ${value}`)
    return number
  }
  return {
    scale: positive(values.scale ?? '0.2', 'scale'),
    rounds: Math.round(positive(values.rounds ?? '3', 'rounds')),
    topics: list(values.topics),
    only: list(values.only),
    peer: values.peer,
    stack: values.stack,
    results: values.results === 'none' ? '' : (values.results ?? 'bench'),
    growth: list(values.growth).map((size) => positive(size, 'growth')),
    nodeOptions: values['node-options']?.split(' ').filter(Boolean) ?? [],
  }
}
