#!/usr/bin/env node
import { runCli } from './run-cli.ts'

/** A terminal sends Ctrl-C to the whole process group, and `bin/datapipe.js` passes it on: one key press can arrive twice. */
const samePressMs = 300

const abort = new AbortController()
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
let interruptedAt: number | undefined
const interrupt = () => {
  const now = performance.now()
  if (interruptedAt === undefined) {
    interruptedAt = now
    abort.abort()
  } else if (now - interruptedAt > samePressMs) {
    // By the signal itself, which a shell shows as 130: process.exit waits for threads, and one may hang in a dead network mount.
    for (const signal of signals) process.removeAllListeners(signal)
    process.kill(process.pid, 'SIGINT')
  }
}
for (const signal of signals) process.on(signal, interrupt)
// A reader that has gone away (`datapipe list | head -1`) is no fault of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

const { stdout, stderr, env } = process
process.exit(await runCli({ argv: process.argv.slice(2), env, stdout, stderr, signal: abort.signal }))
