// Plain JavaScript for any Node from 18 on. The programs are TypeScript, which Node runs as it is from 22.18 on; an older Node hands over
// to the one that the npm package `node` has brought into node_modules.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import * as nodeModule from 'node:module'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const [major, minor] = process.versions.node.split('.').map(Number)

/**
 * Calls `run` on a Node that runs TypeScript: this one, or a newer one that starts the same file again. What is compiled is kept between runs
 * (NODE_DISABLE_COMPILE_CACHE=1 switches that off): it halves the time to start. `url`: the launcher's own import.meta.url.
 */
export async function launch(url, run) {
  if (major > 22 || (major === 22 && minor >= 18)) {
    nodeModule.enableCompileCache?.()
    await run()
    return
  }
  const node = findNode(dirname(fileURLToPath(url)))
  if (node === undefined) {
    process.stderr.write(`error: datapipe needs Node 22.18 or newer, and this is ${process.versions.node}\n`)
    process.stderr.write('  hint: run `npm ci`: it brings a newer one into node_modules\n')
    process.exit(53)
  }
  const child = spawn(node, [fileURLToPath(url), ...process.argv.slice(2)], { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => {
    process.stderr.write(`error: cannot start ${node}: ${error.message}\n`)
    process.exit(53)
  })
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]))
}

function findNode(from) {
  for (let directory = from; ; directory = dirname(directory)) {
    const candidate = join(directory, 'node_modules', 'node', 'bin', 'node')
    if (existsSync(candidate)) return candidate
    if (directory === dirname(directory)) return undefined
  }
}
