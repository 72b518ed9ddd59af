import { medianCost } from './report.ts'
import type { Series } from './run-bench.ts'

/** `avro-console.json`. */
export interface AvroResults {
  takenAt: string
  records: number
  rounds: number
  machine: string
  versions: Record<string, string>
  /** Named `CONTENDER: TOOL: WORK`. */
  series: Series[]
}

/** `avro-console.md`: what each start and each run over all records costs, then the targets of the drop-ins. */
export function renderAvroResults(results: AvroResults): string {
  const { machine, versions, takenAt, records, rounds, series } = results
  const rows = series.map((each) => {
    const cost = medianCost(each)
    if (cost === undefined) return `| ${each.contender} | not run: ${each.notRun ?? 'unknown'} | | |`
    return `| ${each.contender} | ${cost.wallSeconds.toFixed(2)} | ${cost.cpuSeconds.toFixed(2)} | ${cost.peakRssMiB.toFixed(0)} |`
  })
  return [
    '# The Avro console tools: speed and memory',
    '',
    `Written by \`npm run bench:avro\`. Broker, registry and tool share one machine; ${records} records of two fields, each number the median of ${rounds} runs (memory: the largest).`,
    '',
    `- taken ${takenAt}`,
    `- ${machine}`,
    `- ${Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', ')}`,
    '',
    '| | wall s | CPU s | peak RSS MiB |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
    '## Targets',
    '',
    '| target | measured | |',
    '| --- | --- | --- |',
    ...targets(series).map(
      ({ target, measured, met }) => `| ${target} | ${measured} | ${met === undefined ? 'not judged' : met ? 'met' : 'missed'} |`,
    ),
    '',
  ].join('\n')
}

function targets(series: Series[]): { target: string; measured: string; met: boolean | undefined }[] {
  const wall = (name: string) => medianCost(series.find(({ contender }) => contender === name))?.wallSeconds
  const start = wall('datapipe: consumer: --version')
  const beside = ['consumer', 'producer'].map((tool) => {
    const [own, java] = [wall(`datapipe: ${tool}: all records`), wall(`java: ${tool}: all records`)]
    return {
      target: `${tool}: all records at least as fast as the Java tool`,
      measured: java === undefined ? 'the Java tool was not run' : `${own?.toFixed(2)} s, Java ${java.toFixed(2)} s`,
      met: own === undefined || java === undefined ? undefined : own <= java,
    }
  })
  return [
    { target: 'a start takes less than half a second', measured: `${start?.toFixed(2)} s`, met: start === undefined ? undefined : start < 0.5 },
    ...beside,
  ]
}
