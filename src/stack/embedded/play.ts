import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { EmbeddedStack } from './embedded-stack.ts'

/** Of the connector, its topic prefix, its slot and its publication. */
const name = 'play'

export interface NextCommand {
  /** What it is for. */
  why: string
  /** For `sh`, in any directory. */
  command: string
}

/**
 * What to type first on a stack that was just started, whole or in part. A ready connector of the whole database is written beside `configFile`;
 * its secrets are references, as in the drill's.
 */
export async function playCommands(stack: EmbeddedStack, configFile: string): Promise<NextCommand[]> {
  const { postgres, connect } = stack.config('file:///unused')
  const commands: NextCommand[] = []
  if (postgres !== undefined) {
    const { hostname, port, username, pathname } = new URL(postgres.url)
    const psql = `PGPASSWORD=$(cat ${join(stack.directory, 'secrets', 'postgres')}) ${postgres.binDirectory}/psql -h ${hostname} -p ${port} -U ${username} ${pathname.slice(1)}`
    const sql = "CREATE TABLE item (id int PRIMARY KEY, name text); INSERT INTO item VALUES (1, 'one')"
    commands.push({ why: 'a table with a row', command: `${psql} -c "${sql}"` })
  }
  if (postgres !== undefined && connect !== undefined) {
    const file = join(stack.directory, 'connector.json')
    await writeFile(file, `${JSON.stringify(await playConnector(stack), null, 2)}\n`)
    const curl = `curl -fsS -X PUT -H 'content-type: application/json' --data @${file} ${connect.url}/connectors/${name}/config`
    commands.push({ why: `capture every table: topics ${name}.public.…`, command: curl })
  }
  const datapipe = (what: string) => `datapipe ${what} --config ${configFile}`
  return [
    ...commands,
    { why: 'is everything there that a backup needs?', command: datapipe('check') },
    { why: 'a backup', command: datapipe('backup') },
    { why: 'what a restore of it would do', command: datapipe('restore latest --dry-run') },
  ]
}

async function playConnector(stack: EmbeddedStack): Promise<Record<string, string>> {
  const template = await readFile(new URL('../../../fixtures/connectors/debezium-postgres.json', import.meta.url), 'utf8')
  return {
    ...(JSON.parse(template) as Record<string, string>),
    ...stack.databaseConfig(),
    ...stack.converterConfig(),
    'topic.prefix': name,
    'slot.name': name,
    'publication.name': name,
    'publication.autocreate.mode': 'all_tables',
  }
}
