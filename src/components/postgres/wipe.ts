import type { PostgresConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import { connectPostgres, type PgClient, quoteLiteral, quoteName } from '../../clients/postgres.ts'
import type { PlanStep } from '../component.ts'

interface WipeStep {
  text: string
  sql: string
}

/** What a wipe of the configured database would remove. The server, its other databases and its roles stay. */
export async function planWipePostgres(config: PostgresConfig, context: Context): Promise<PlanStep[]> {
  await using client = await connectPostgres(config.url, { signal: context.signal })
  const steps: PlanStep[] = (await wipeSteps(client, config)).map(({ text }) => ({ component: 'postgres', text, destructive: true }))
  // No row for a role that may not see it.
  const [row] = await client.query<{ setting: string }>("SELECT setting FROM pg_settings WHERE name = 'data_directory'")
  const place = config.dataDirectory ?? row?.setting ?? 'DIRECTORY'
  const text = `keep the server and ${place}: a restore wants that empty, so before one type: pg_ctl -D ${place} stop -m fast; mv ${place} ${place}.old`
  return [...steps, { component: 'postgres', text, destructive: false }]
}

/**
 * Removes replication slots, publications, subscriptions and everything that users have made in the configured database, and looks
 * afterwards that nothing is left. Throws `slot-problem` for a slot that is in use, before anything is removed.
 */
export async function wipePostgres(config: PostgresConfig, context: Context): Promise<void> {
  await using client = await connectPostgres(config.url, { signal: context.signal })
  const active = await client.query<{ name: string; pid: number }>(
    'SELECT slot_name::text AS name, active_pid AS pid FROM pg_replication_slots WHERE active AND database = current_database()',
  )
  if (active.length > 0) {
    throw new DatapipeError('slot-problem', `replication slots are in use: ${active.map(({ name, pid }) => `${name} (pid ${pid})`).join(', ')}`, {
      hint: 'stop the connectors first',
    })
  }
  const steps = await wipeSteps(client, config)
  for (const [index, step] of steps.entries()) {
    if (context.signal.aborted) throw new DatapipeError('interrupted', `interrupted before: ${step.text}`)
    await client.query(step.sql)
    context.emit({ type: 'progress', task: 'wipe PostgreSQL', done: index + 1, total: steps.length, unit: 'items' })
  }
  const left = await wipeSteps(client, config)
  if (left.length > 0) {
    throw new DatapipeError(
      'server-refused',
      `still there after the wipe: ${left
        .map(({ text }) => text.replace(/^drop /, ''))
        .slice(0, 5)
        .join(', ')}`,
      {
        hint: 'something goes on writing to the database; stop it and wipe again',
      },
    )
  }
}

/** Each kind of thing as rows of (what to call it, how to drop it), in an order in which nothing is missed. */
async function wipeSteps(client: PgClient, config: PostgresConfig): Promise<WipeStep[]> {
  const slot = config.archive.mode === 'receive' ? config.archive.slot : ''
  const kinds: [sql: string, step: (row: Record<string, string>) => WipeStep][] = [
    [
      `SELECT slot_name::text AS name, coalesce(plugin, 'physical')::text AS plugin FROM pg_replication_slots
       WHERE NOT temporary AND (database = current_database() OR slot_name = ${quoteLiteral(slot)}) ORDER BY 1`,
      ({ name = '', plugin }) => ({
        text: `drop replication slot ${name} (${plugin})`,
        sql: `SELECT pg_drop_replication_slot(${quoteLiteral(name)})`,
      }),
    ],
    [
      `SELECT subname::text AS name FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid WHERE d.datname = current_database() ORDER BY 1`,
      // Its slot on the publisher stays: that server is not ours to change.
      ({ name = '' }) => ({
        text: `drop subscription ${name} (its slot on the publisher stays)`,
        sql: `ALTER SUBSCRIPTION ${quoteName(name)} DISABLE; ALTER SUBSCRIPTION ${quoteName(name)} SET (slot_name = NONE); DROP SUBSCRIPTION ${quoteName(name)}`,
      }),
    ],
    ['SELECT evtname::text AS name FROM pg_event_trigger ORDER BY 1', named('event trigger', 'DROP EVENT TRIGGER')],
    ['SELECT pubname::text AS name FROM pg_publication ORDER BY 1', named('publication', 'DROP PUBLICATION')],
    [
      "SELECT extname::text AS name FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY 1",
      named('extension', 'DROP EXTENSION IF EXISTS', 'CASCADE'),
    ],
    ['SELECT srvname::text AS name FROM pg_foreign_server ORDER BY 1', named('foreign server', 'DROP SERVER IF EXISTS', 'CASCADE')],
    [
      `SELECT n.nspname::text AS name, (SELECT count(*) FROM pg_class c WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'm', 'v', 'f', 'S'))::text AS count
       FROM pg_namespace n WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'public') ORDER BY 1`,
      ({ name = '', count }) => ({ text: `drop schema ${name} with ${count} relations`, sql: `DROP SCHEMA IF EXISTS ${quoteName(name)} CASCADE` }),
    ],
    [
      `SELECT (SELECT count(*) FROM pg_class c WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'm', 'v', 'f', 'S'))::text AS relations,
              pg_get_userbyid(n.nspowner)::text AS owner
       FROM pg_namespace n WHERE n.nspname = 'public'
         AND (EXISTS (SELECT FROM pg_class WHERE relnamespace = n.oid) OR EXISTS (SELECT FROM pg_proc WHERE pronamespace = n.oid)
              OR EXISTS (SELECT FROM pg_type WHERE typnamespace = n.oid) OR EXISTS (SELECT FROM pg_operator WHERE oprnamespace = n.oid)
              OR EXISTS (SELECT FROM pg_collation WHERE collnamespace = n.oid) OR EXISTS (SELECT FROM pg_conversion WHERE connamespace = n.oid)
              OR EXISTS (SELECT FROM pg_ts_config WHERE cfgnamespace = n.oid) OR EXISTS (SELECT FROM pg_ts_dict WHERE dictnamespace = n.oid)
              OR EXISTS (SELECT FROM pg_opclass WHERE opcnamespace = n.oid))`,
      // As initdb makes it in PostgreSQL 15 and later.
      ({ relations, owner = '' }) => ({
        text: `drop and recreate schema public with ${relations} relations`,
        sql: `DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION ${quoteName(owner)}; GRANT USAGE ON SCHEMA public TO PUBLIC; COMMENT ON SCHEMA public IS 'standard public schema'`,
      }),
    ],
    [
      'SELECT count(*)::text AS count FROM pg_largeobject_metadata HAVING count(*) > 0',
      ({ count }) => ({ text: `unlink ${count} large objects`, sql: 'SELECT lo_unlink(oid) FROM pg_largeobject_metadata' }),
    ],
  ]
  const steps: WipeStep[] = []
  for (const [sql, step] of kinds) steps.push(...(await client.query<Record<string, string>>(sql)).map(step))
  return steps
}

const named =
  (what: string, drop: string, after = '') =>
  ({ name = '' }: Record<string, string>): WipeStep => ({ text: `drop ${what} ${name}`, sql: `${drop} ${quoteName(name)} ${after}` })
