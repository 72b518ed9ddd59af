import type { ConsumerCase } from './avro-console-cases.ts'
import { topicOf } from './avro-console-topics.ts'

/** Runs with the registry's own log4j.properties: log lines precede and interrupt the records on stdout. Never here, not even with strict. */
const withLogLines = /^consumer\/stock-log4j/

/** What does not depend on the run: append times, and Java's identity of an array. */
export const steady = (text: string) => text.replaceAll(/LogAppendTime:\d+/g, 'LogAppendTime:T').replaceAll(/^\[B@[0-9a-f]+/gm, '[B@HASH')

export function capturedStdout(run: ConsumerCase): string {
  const text = run.stdout.replaceAll('TOPIC', topicOf(run))
  if (!withLogLines.test(run.name)) return text
  // Records start at the beginning of a line, or behind the log entry that interrupts them.
  return (text.match(/^(Offset:\d+\t\{.*\n|Offset:\d+\t(?=\[)|\{.*\}\n)/gm) ?? []).join('')
}

/** Lines of stderr and of the log that people look for: usage errors, exceptions by class and first words. */
export function capturedWords(run: ConsumerCase): string[] {
  const words: string[] = run.stderrFirstLines.filter((line) => !/^\s|^WARNING|^Option |^---|^--/.test(line) && line !== '')
  for (const entry of run.log4j) {
    if (!entry.startsWith('ERROR') || entry.includes('TimeoutException') || entry.includes('CachedSchemaRegistryClient')) continue
    const [heading = '', ...chain] = entry.split('\n')
    words.push(heading.replace(/ *\(kafka\.tools.*$/, ''))
    for (const line of chain) words.push(/^(Caused by: )?[\w.$]+/.exec(line)?.[0] ?? line)
  }
  return words.map((word) => word.replaceAll('TOPIC', topicOf(run)))
}
