import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatapipeError } from '../../base/errors.ts'
import { startTool } from '../../clients/exec.ts'
import { docker, imageId } from '../../image/docker.ts'
import type { ContainersStack } from './containers-stack.ts'
import { type ControlDirectory, controlMount, makeControl, startCommand } from './engine-control.ts'
import { containerMemory } from './memory.ts'
import { postgresDirectory, postgresMount, postgresUser } from './postgres-container.ts'
import { registryAddress, registryUser } from './registry-container.ts'
import { labelsOf, nameOf } from './run.ts'
import { makeShared, postgresUid, secretsMount, sharedSecrets, writeReadable } from './run-directory.ts'
import { caIn, kafkaSecurity, sslMode, trust } from './security.ts'

export interface EngineContainerOptions {
  stack: ContainersStack
  /** The backup-tools image. */
  image: string
  memoryBytes: number
  cpus: number
  /** On this machine; the engine's user gets it. */
  repositoryDirectory: string
  archiveMode: 'directory' | 'receive'
  signal: AbortSignal
}

const repositoryMount = '/datapipe/repository'

/**
 * A container of the backup-tools image as in production: its own user, read-only root file system, limits of memory and CPU; on the stack's
 * network, with the server's volumes. It waits for commands. A restore in it asks for servers through a shared directory.
 */
export class EngineContainer implements AsyncDisposable {
  /** Of the generated `datapipe.yaml`, inside. */
  readonly configFile = `${controlMount}/datapipe.yaml`
  readonly image: string
  readonly #stack: ContainersStack
  readonly #name: string
  readonly #control: ControlDirectory

  private constructor(options: EngineContainerOptions, control: ControlDirectory) {
    this.image = options.image
    this.#stack = options.stack
    this.#name = nameOf(options.stack.run, 'engine')
    this.#control = control
  }

  static async start(options: EngineContainerOptions): Promise<EngineContainer> {
    const { stack, image, memoryBytes, cpus, signal } = options
    const { run } = stack
    if ((await imageId(image, { signal })) === undefined)
      throw new DatapipeError('image-missing', `there is no image ${image} for the engine`, { hint: 'npm run image' })
    const control = await makeControl(join(stack.directory, 'engine'), (component) => stack.start(component))
    await writeReadable(join(control.directory, 'datapipe.yaml'), configText(options))
    const temporary = join(stack.directory, 'engine-tmp')
    await makeShared(temporary, postgresUid)
    await makeShared(options.repositoryDirectory, postgresUid)
    await mkdir(postgresDirectory(stack.directory), { recursive: true })
    const mounts = [
      [postgresDirectory(stack.directory), postgresMount],
      [options.repositoryDirectory, repositoryMount],
      [control.directory, controlMount],
      [sharedSecrets(stack.directory), secretsMount, 'readonly'],
      // WAL is received there, and a tmpfs would count as the engine's memory.
      [temporary, '/tmp'],
    ].flatMap(([source, target, ...more]) => ['--mount', ['type=bind', `source=${source}`, `target=${target}`, ...more].join(',')])
    const labels = Object.entries(labelsOf(run)).flatMap(([key, value]) => ['--label', `${key}=${value}`])
    const limits = ['--memory', String(memoryBytes), '--memory-swap', String(memoryBytes), '--cpus', String(cpus)]
    const place = ['--name', nameOf(run, 'engine'), '--network', nameOf(run, 'network'), '--read-only', ...labels, ...limits, ...mounts]
    try {
      await docker(['run', '--detach', ...place, image, 'sleep', 'infinity'], { signal })
    } catch (error) {
      await control[Symbol.asyncDispose]()
      throw error
    }
    return new EngineContainer(options, control)
  }

  /** Runs a command in it, line by line of its stdout. Aborting ends the command. */
  async run(
    command: string[],
    { onLine, signal }: { onLine: (line: string) => void; signal: AbortSignal },
  ): Promise<{ code: number; words: string }> {
    // The client's death is not the command's: that has to be told inside.
    const end = () => void docker(['exec', this.#name, 'sh', '-c', 'kill -INT $(pidof node)']).catch(() => {})
    signal.addEventListener('abort', end, { once: true })
    try {
      await using tool = await startTool('docker', ['exec', this.#name, ...command], { stdout: 'pipe' })
      for await (const line of createInterface({ input: tool.stdout })) onLine(line)
      const code = await tool.ended
      // A start that failed for a reason of ours is told as ours.
      this.#control.throwFault()
      return { code, words: tool.lastWords() }
    } finally {
      signal.removeEventListener('abort', end)
    }
  }

  memory(): Promise<number | undefined> {
    return containerMemory(this.#stack.run, 'engine')
  }

  /** The kernel's own count of the highest memory of all processes of the container and the files that they read and wrote; bytes. */
  async peakMemory(): Promise<number> {
    return Number(await this.#first(['/sys/fs/cgroup/memory.peak', '/sys/fs/cgroup/memory/memory.max_usage_in_bytes']))
  }

  /** How many processes the kernel has killed in it for want of memory. */
  async oomKills(): Promise<number> {
    const text = await this.#first(['/sys/fs/cgroup/memory.events', '/sys/fs/cgroup/memory/memory.oom_control'])
    return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#control[Symbol.asyncDispose]()
    await docker(['rm', '--force', '--volumes', this.#name])
  }

  /** The first of these files that is there: cgroup v2 and v1 name them differently. */
  #first(files: string[]): Promise<string> {
    return docker(['exec', this.#name, 'sh', '-c', 'for file; do [ ! -r "$file" ] || exec cat "$file"; done', 'sh', ...files])
  }
}

/** `datapipe.yaml` of the engine (JSON is YAML): servers by their names in the network, secrets by reference. */
function configText({ stack, archiveMode }: EngineContainerOptions): string {
  const archive = archiveMode === 'receive' ? { mode: 'receive', slot: 'datapipe_wal' } : { mode: 'directory', path: `${postgresMount}/archive` }
  const config = {
    repository: { url: `file://${repositoryMount}` },
    postgres: {
      url: `postgres://${postgresUser}:\${file:${secretsMount}/postgres}@postgres:5432/postgres${sslMode(stack.run.state.secure ? caIn(secretsMount) : undefined)}`,
      dataDirectory: `${postgresMount}/data`,
      archive,
      startCommand: startCommand('postgres'),
    },
    kafka: { bootstrapServers: ['kafka:9092'], ...kafkaSecurity(stack.run, 'reference') },
    registry: {
      url: registryAddress(stack.run),
      username: registryUser,
      password: `file:${secretsMount}/registry`,
      ...trust(stack.run, 'reference'),
      startCommand: startCommand('registry'),
    },
    connect: { url: 'http://connect:8083', startCommand: startCommand('connect') },
  }
  return `${JSON.stringify(config, null, 2)}\n`
}
