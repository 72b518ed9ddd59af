import type { DatapipeConfig } from '../base/config.ts'
import type { Context } from '../base/context.ts'
import { answers } from '../base/errors.ts'
import { runTool } from '../clients/exec.ts'
import { avroActs } from './tools/avro-acts.ts'
import type { Bench } from './tools/bench.ts'
import { clientFiles } from './tools/client-files.ts'
import { httpActs } from './tools/http-acts.ts'
import { kafkaActs } from './tools/kafka-acts.ts'
import { ownServer } from './tools/own-server-acts.ts'
import { packageActs } from './tools/packages.ts'
import { postgresActs } from './tools/postgres-acts.ts'
import { programs, startActs } from './tools/programs.ts'
import { scratchActs } from './tools/scratch-acts.ts'
import { segmentActs } from './tools/segment-acts.ts'
import { type ToolItem, tryInOrder } from './tools/tool-item.ts'

export interface ToolsOptions {
  /** The servers to try the tools on; without it, and for a component that it does not name, such acts are not run. */
  config?: DatapipeConfig
  /** A topic that may be created, written to and deleted. */
  scratchTopic?: string
}

export interface ToolsResult {
  /** 0 nothing failed (acts that were not run are listed as such), 20 something failed. */
  exitCode: number
  items: ToolItem[]
}

/**
 * Runs every command-line tool that a backup by hand needs: each starts, and does what it is there for, on files, on a PostgreSQL server of
 * its own, and on the servers that the configuration names. Writes to those only with `scratchTopic`. Every tool is tried, whatever fails.
 */
export async function tools({ config, scratchTopic }: ToolsOptions, context: Context): Promise<ToolsResult> {
  await using files = await clientFiles()
  const bench: Bench = { config, scratchTopic, files, context, seen: {} }
  const starts = [...startActs(programs(await postgresMajor(context)), context), ...(await packageActs(context))]
  const items = await tryInOrder('start every tool', starts, context)
  await using server = ownServer(bench)
  const own = [...segmentActs(bench), ...server.acts]
  items.push(...(await tryInOrder('tools on files and a server of their own', own, context)))
  const acts = [...httpActs(bench), ...postgresActs(bench), ...kafkaActs(bench), ...avroActs(bench), ...scratchActs(bench)]
  items.push(...(await tryInOrder('tools on the configured servers', acts, context)))
  return { exitCode: items.some(({ verdict }) => verdict === 'fail') ? answers.no : answers.ok, items }
}

/** Of the image's PostgreSQL. A `postgres` that cannot say it is a row that fails; the newest list of programs is then expected. */
async function postgresMajor(context: Context): Promise<number> {
  const said = await runTool('postgres', ['--version'], { signal: context.signal }).catch((error: unknown) => {
    if (context.signal.aborted) throw error
    return ''
  })
  return Number(/\(PostgreSQL\) (\d+)/.exec(said)?.[1] ?? 17)
}
