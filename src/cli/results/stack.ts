import type { ServerStatus, StackStatus, StackUpResult } from '../../commands/stack.ts'
import { formatBytes, formatTable } from '../render/format.ts'

/** Where the servers are, and the configuration that reaches them. */
export function stackUpText({ directory, configText, configFile, next, servers, versions }: StackUpResult): string {
  return [
    `stack in ${directory}\n`,
    serversText(servers),
    versionsText(versions),
    `\nconfiguration in ${configFile}:\n\n`,
    configText.endsWith('\n') ? configText : `${configText}\n`,
    `\nnext, for example:\n`,
    ...next.map(({ why, command }) => `  # ${why}\n  ${command}\n`),
    `\nstop it with: datapipe stack down --directory ${directory}\n`,
  ].join('')
}

export function stackStatusText(stacks: StackStatus[]): string {
  if (stacks.length === 0) return 'no stack is up\n'
  return stacks
    .map(({ directory, createdAt, livesWith, servers, versions }) => {
      const life = livesWith === 'command' ? 'until `datapipe stack down`' : 'as long as the run that started it'
      return `stack in ${directory}, since ${createdAt}, ${life}\n${serversText(servers)}${versionsText(versions)}`
    })
    .join('\n')
}

function serversText(servers: ServerStatus[]): string {
  return formatTable(
    servers.map(({ component, running, address, memory, logFile }) => [
      `  ${component}`,
      running ? 'runs' : 'stopped',
      address,
      running ? formatBytes(memory) : '-',
      logFile,
    ]),
    [3],
  )
}

function versionsText(versions: Record<string, string>): string {
  return `  ${Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ')}\n`
}
