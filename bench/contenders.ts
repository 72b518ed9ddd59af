import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import type { BenchBroker } from './bench-broker.ts'
import type { BenchTopic } from './bench-topics.ts'
import { peerFiles } from './peer.ts'

/** One program at one task. */
export interface Contender {
  name: string
  task: 'read' | 'restore'
  /** What is run for a topic; files go below `directory`, which is fresh. `reason`: why it cannot. */
  prepare(topic: BenchTopic, directory: string): Promise<{ command: string[]; output?: string } | { reason: string }>
}

export interface ContenderOptions {
  broker: BenchBroker
  /** The peer's binary, when one was named. */
  peer: string | undefined
  kcat: string | undefined
  /** Options for our own Node, e.g. `--cpu-prof`. */
  nodeOptions: string[]
}

const program = fileURLToPath(new URL('../bin/datapipe.js', import.meta.url))

/** Everybody who is measured, in the order of a round. What a reading contender stored is what the restoring one of its name reads. */
export function contenders({ broker, peer, kcat, nodeOptions }: ContenderOptions): Contender[] {
  const datapipe = async (topic: BenchTopic, directory: string, compression: string | undefined, args: string[]) => {
    await mkdir(directory, { recursive: true })
    const config = join(directory, 'datapipe.yaml')
    const kafka = { ...broker.config, topics: { include: [topic.name] }, ...(compression === undefined ? {} : { storeCompression: compression }) }
    await writeFile(config, stringify({ repository: { url: `file://${directory}/repository` }, kafka }))
    return { command: [process.execPath, ...nodeOptions, program, '--config', config, ...args] }
  }
  const ours = (name: string, compression: string | undefined): Contender[] => [
    { name, task: 'read', prepare: (topic, directory) => datapipe(topic, directory, compression, ['backup']) },
    { name, task: 'restore', prepare: (topic, directory) => datapipe(topic, directory, compression, ['restore', 'latest', '--in-place']) },
  ]
  const kcatTo = (name: string, file: (directory: string) => string): Contender => ({
    name,
    task: 'read',
    async prepare(topic, directory) {
      if (kcat === undefined) return { reason: 'kcat is not installed (Debian package kcat)' }
      // Without a limit of its own it refuses records as large as the topic takes.
      const limits = ['-X', 'fetch.message.max.bytes=4194304', '-X', 'receive.message.max.bytes=200000000']
      return { command: [kcat, '-C', '-e', '-q', '-b', broker.bootstrap, '-t', topic.name, '-o', 'beginning', ...limits], output: file(directory) }
    },
  })
  const peerAt = (name: string, task: 'read' | 'restore', compression: string): Contender => ({
    name,
    task,
    async prepare(topic, directory) {
      if (peer === undefined) return { reason: 'no peer was named (--peer BINARY)' }
      const files = await peerFiles({ directory, bootstrap: broker.bootstrap, topic: topic.name, compression })
      return { command: task === 'read' ? [peer, 'backup', '--config', files.backup] : [peer, 'restore', '--config', files.restore] }
    },
  })
  return [
    ...ours('datapipe', undefined),
    ...ours('datapipe zstd', 'zstd'),
    kcatTo('kcat to a file', (directory) => join(directory, 'records')),
    kcatTo('kcat to /dev/null', () => '/dev/null'),
    {
      name: 'kafka-console-consumer',
      task: 'read',
      async prepare(topic, directory) {
        const args = ['--bootstrap-server', broker.bootstrap, '--topic', topic.name, '--from-beginning', '--max-messages', String(topic.records)]
        return { command: broker.tool('org.apache.kafka.tools.consumer.ConsoleConsumer', 512, args), output: join(directory, 'records') }
      },
    },
    {
      name: 'log files, copied and fsynced',
      task: 'read',
      async prepare(topic, directory) {
        const { files } = await broker.logFiles(topic.name)
        const copy = `i=0; for file do cp --reflink=never "$file" "${directory}/$i" || exit; i=$((i + 1)); done; sync ${directory}/*`
        return { command: ['sh', '-c', copy, 'sh', ...files] }
      },
    },
    peerAt('peer', 'read', 'none'),
    peerAt('peer zstd', 'read', 'zstd'),
    peerAt('peer', 'restore', 'none'),
  ]
}

/** A fresh directory in the place of `directory`. */
export async function freshDirectory(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true })
  await mkdir(directory, { recursive: true })
}
