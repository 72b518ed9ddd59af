#!/usr/bin/env node
import { interruptedExit, runCli } from './run-cli.ts'

/** A terminal sends Ctrl-C to the whole process group, and `bin/datapipe.js` passes it on: one key press can arrive twice. */
const samePressMs = 300

const abort = new AbortController()
let interruptedAt: number | undefined
const interrupt = () => {
  const now = performance.now()
  if (interruptedAt !== undefined && now - interruptedAt > samePressMs) process.exit(interruptedExit)
  interruptedAt ??= now
  abort.abort()
}
process.on('SIGINT', interrupt)
process.on('SIGTERM', interrupt)
process.on('SIGHUP', interrupt)
// A reader that has gone away (`datapipe list | head -1`) is no fault of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

const { stdout, stderr, env } = process
process.exit(await runCli({ argv: process.argv.slice(2), env, stdout, stderr, signal: abort.signal }))
