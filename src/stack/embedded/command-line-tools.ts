import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import { javaOptions } from './java.ts'
import { jarsOf, programOf, type Run } from './run.ts'
import { readState } from './state.ts'

/** Kafka's own tools by the names under which its distributions install them. */
const tools = {
  'kafka-topics': 'org.apache.kafka.tools.TopicCommand',
  'kafka-get-offsets': 'org.apache.kafka.tools.GetOffsetShell',
  'kafka-console-consumer': 'org.apache.kafka.tools.consumer.ConsoleConsumer',
  'kafka-console-producer': 'org.apache.kafka.tools.ConsoleProducer',
}

export interface CommandLineTools {
  /** Directories for the front of PATH: Kafka's tools, PostgreSQL's. */
  path: string[]
  /** The user that the database server runs as, `uid:gid`; undefined when that is ours. */
  postgresOwner: string | undefined
}

/** Kafka's console tools over the stack's own jars, written into the stack's directory, and where PostgreSQL's are. */
export async function commandLineTools(directory: string, context: Context): Promise<CommandLineTools> {
  const state = await readState(directory)
  if (state === undefined) throw new DatapipeError('stack-failed', 'there is no stack in this directory', { path: directory })
  const run: Run = { directory, state, context }
  const bin = join(directory, 'kafka-tools')
  await mkdir(bin, { recursive: true })
  const java = [programOf(run, 'java'), ...javaOptions({ heapMiB: 128 }), '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn']
  for (const [name, main] of Object.entries(tools)) {
    const words = [...java, '-cp', join(jarsOf(run), 'kafka', '*'), main].map((word) => `'${word.replaceAll("'", `'\\''`)}'`)
    await writeFile(join(bin, name), `#!/bin/sh\nexec ${words.join(' ')} "$@"\n`)
    await chmod(join(bin, name), 0o755)
  }
  const user = state.programs.postgresUser
  return { path: [bin, programOf(run, 'postgresBin')], postgresOwner: user === undefined ? undefined : `${user.uid}:${user.gid}` }
}
