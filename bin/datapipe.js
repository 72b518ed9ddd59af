#!/usr/bin/env node
// Plain JavaScript for any Node from 18 on. The program is TypeScript, which Node runs as it is from 22.18 on; an older Node hands over
// to the one that the npm package `node` has brought into node_modules.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import module from 'node:module'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const main = join(here, '..', 'src', 'cli', 'main.ts')
const [major, minor] = process.versions.node.split('.').map(Number)

if (major > 22 || (major === 22 && minor >= 18)) {
  // Halves the start of a command; PostgreSQL calls `archive-wal` for every segment.
  module.enableCompileCache?.()
  await import(pathToFileURL(main).href)
} else {
  const node = findNode(here)
  if (node === undefined) {
    process.stderr.write(`error: datapipe needs Node 22.18 or newer, and this is ${process.versions.node}\n`)
    process.stderr.write('  hint: run `npm ci`: it brings a newer one into node_modules\n')
    process.exit(53)
  }
  const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: 'inherit' })
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
