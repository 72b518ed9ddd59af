import type { Client } from 'pg'

/** True of everything that a user made: not of the system's own schemas. */
const user = (schema: string) => `${schema} NOT IN ('pg_catalog', 'information_schema') AND ${schema} !~ '^pg_(toast|temp)'`

/**
 * One query for each kind of thing that can be created; each gives `name` and `definition`. Oids are never part of a definition.
 * 16384 is the first oid that a server gives to objects made after initdb (FirstNormalObjectId).
 */
const queries: Record<string, string> = {
  schema: `SELECT nspname AS name, concat_ws(' ', pg_get_userbyid(nspowner), nspacl::text) AS definition FROM pg_namespace WHERE ${user('nspname')}`,
  extension: `SELECT extname AS name, extversion || ' in ' || extnamespace::regnamespace AS definition FROM pg_extension`,
  relation: `SELECT format('%I.%I', n.nspname, c.relname) AS name,
      concat_ws(' ', c.relkind, c.relpersistence, 'identity', c.relreplident, 'owner', pg_get_userbyid(c.relowner), c.relacl::text, c.reloptions::text,
        CASE WHEN c.relrowsecurity THEN 'row security' END, CASE WHEN c.relforcerowsecurity THEN 'forced' END,
        'partition by ' || pg_get_partkeydef(c.oid), pg_get_expr(c.relpartbound, c.oid), 'access ' || am.amname,
        'inherits ' || (SELECT string_agg(inhparent::regclass::text, ',' ORDER BY inhseqno) FROM pg_inherits WHERE inhrelid = c.oid)) AS definition
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_am am ON am.oid = c.relam WHERE ${user('n.nspname')}`,
  column: `SELECT format('%I.%I.%I', n.nspname, c.relname, a.attname) AS name,
      concat_ws(' ', a.attnum, format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'not null' END, 'default ' || pg_get_expr(d.adbin, d.adrelid),
        nullif(a.attidentity, ''), nullif(a.attgenerated, ''), a.attstorage, a.attcompression, a.attcollation::regcollation::text, a.attacl::text,
        a.attoptions::text, 'missing ' || a.attmissingval::text) AS definition
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attnum > 0 AND NOT a.attisdropped AND ${user('n.nspname')}`,
  constraint: `SELECT format('%I.%I on %s%s', n.nspname, o.conname, o.conrelid::regclass, o.contypid::regtype) AS name,
      pg_get_constraintdef(o.oid) || CASE WHEN o.convalidated THEN '' ELSE ' not valid' END AS definition
    FROM pg_constraint o JOIN pg_namespace n ON n.oid = o.connamespace WHERE ${user('n.nspname')}`,
  index: `SELECT format('%I.%I', schemaname, indexname) AS name, indexdef AS definition FROM pg_indexes WHERE ${user('schemaname')}`,
  'index state': `SELECT i.indexrelid::regclass::text AS name, concat_ws(' ', i.indisvalid, i.indisready, i.indisreplident, i.indisclustered) AS definition
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ${user('n.nspname')}`,
  view: `SELECT format('%I.%I', n.nspname, c.relname) AS name, pg_get_viewdef(c.oid) AS definition
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('v', 'm') AND ${user('n.nspname')}`,
  rule: `SELECT r.ev_class::regclass || ' ' || quote_ident(r.rulename) AS name, pg_get_ruledef(r.oid) || ' ' || r.ev_enabled::text AS definition
    FROM pg_rewrite r WHERE r.oid >= 16384 AND r.rulename <> '_RETURN'`,
  function: `SELECT p.oid::regprocedure::text AS name,
      concat_ws(' ', CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) ELSE 'aggregate ' || a.aggtransfn || ' ' || a.agginitval END,
        pg_get_userbyid(p.proowner), p.proacl::text) AS definition
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace LEFT JOIN pg_aggregate a ON a.aggfnoid = p.oid
    WHERE ${user('n.nspname')}`,
  trigger: `SELECT t.tgrelid::regclass || ' ' || quote_ident(t.tgname) AS name, pg_get_triggerdef(t.oid) || ' ' || t.tgenabled::text AS definition
    FROM pg_trigger t WHERE NOT t.tgisinternal`,
  'event trigger': `SELECT evtname AS name, concat_ws(' ', evtevent, evtfoid::regproc, evtenabled, evttags::text) AS definition FROM pg_event_trigger`,
  type: `SELECT format_type(t.oid, NULL) AS name,
      concat_ws(' ', t.typtype, 'base ' || nullif(format_type(t.typbasetype, t.typtypmod), '-'), CASE WHEN t.typnotnull THEN 'not null' END, t.typdefault,
        (SELECT string_agg(quote_literal(enumlabel), ',' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid),
        (SELECT format_type(rngsubtype, NULL) || ' ' || rngsubdiff FROM pg_range WHERE rngtypid = t.oid), pg_get_userbyid(t.typowner), t.typacl::text) AS definition
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE ${user('n.nspname')}`,
  sequence: `SELECT format('%I.%I', schemaname, sequencename) AS name,
      concat_ws(' ', data_type, start_value, min_value, max_value, increment_by, cycle, cache_size) AS definition FROM pg_sequences`,
  policy: `SELECT format('%I.%I %I', schemaname, tablename, policyname) AS name, concat_ws(' ', permissive, roles, cmd, 'using', qual, 'check', with_check) AS definition
    FROM pg_policies`,
  publication: `SELECT pubname AS name, concat_ws(' ', puballtables, pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot,
      (SELECT string_agg(format('%I.%I (%s) %s', schemaname, tablename, attnames, rowfilter), '; ' ORDER BY schemaname, tablename)
        FROM pg_publication_tables t WHERE t.pubname = p.pubname)) AS definition FROM pg_publication p`,
  statistics: `SELECT stxnamespace::regnamespace || '.' || quote_ident(stxname) AS name, pg_get_statisticsobjdef(oid) AS definition FROM pg_statistic_ext`,
  'text search configuration': `SELECT cfgnamespace::regnamespace || '.' || quote_ident(cfgname) AS name, cfgparser::text AS definition FROM pg_ts_config WHERE oid >= 16384`,
  operator: `SELECT oid::regoperator::text AS name, oprcode::text AS definition FROM pg_operator WHERE oid >= 16384`,
  cast: `SELECT format_type(castsource, NULL) || ' as ' || format_type(casttarget, NULL) AS name, concat_ws(' ', castfunc::regproc, castcontext, castmethod) AS definition
    FROM pg_cast WHERE oid >= 16384`,
  collation: `SELECT collnamespace::regnamespace || '.' || quote_ident(collname) AS name, concat_ws(' ', collprovider, collcollate, collctype) AS definition
    FROM pg_collation WHERE oid >= 16384`,
  comment: `SELECT pg_describe_object(classoid, objoid, objsubid) AS name, description AS definition FROM pg_description WHERE objoid >= 16384`,
  'large object': `SELECT oid::text AS name, concat_ws(' ', pg_get_userbyid(lomowner), lomacl::text) AS definition FROM pg_largeobject_metadata`,
  'default privileges': `SELECT concat_ws(' ', pg_get_userbyid(defaclrole), defaclnamespace::regnamespace, defaclobjtype) AS name, defaclacl::text AS definition FROM pg_default_acl`,
  'foreign server': `SELECT srvname AS name, concat_ws(' ', srvtype, srvversion, srvacl::text) AS definition FROM pg_foreign_server`,
  role: `SELECT rolname AS name, concat_ws(' ', rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls, rolconnlimit,
      rolvaliduntil, (SELECT string_agg(roleid::regrole::text, ',' ORDER BY roleid::regrole::text) FROM pg_auth_members WHERE member = r.oid)) AS definition
    FROM pg_roles r WHERE rolname !~ '^pg_'`,
  database: `SELECT datname AS name, concat_ws(' ', pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype, datacl::text) AS definition FROM pg_database`,
  setting: `SELECT concat_ws(' ', (SELECT datname FROM pg_database d WHERE d.oid = setdatabase), nullif(setrole, 0)::regrole) AS name, setconfig::text AS definition
    FROM pg_db_role_setting`,
}

/** `kind name` → definition, for everything in the database that is not a row. */
export async function observeDefinitions(client: Client): Promise<Record<string, string>> {
  const definitions: Record<string, string> = {}
  for (const [kind, query] of Object.entries(queries))
    for (const row of (await client.query<{ name: string; definition: string | null }>(query)).rows)
      definitions[`${kind} ${row.name}`] = row.definition ?? ''
  return definitions
}
