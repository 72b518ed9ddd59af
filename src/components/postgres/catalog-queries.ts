/**
 * One query per kind of object; each gives rows (name, definition). Definitions are PostgreSQL's own texts, so two databases are the same
 * exactly when name and text are. Objects of extensions are left out: the extension and its version stand for them. No oid appears: oids differ.
 */
const userSchema = (alias: string) => `${alias}.nspname !~ '^(pg_|information_schema$)'`
const notOfExtension = (catalog: string, oid: string) =>
  `NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = '${catalog}'::regclass AND d.objid = ${oid} AND d.deptype = 'e')`

export const catalogQueries: { kind: string; sql: string }[] = [
  {
    kind: 'schema',
    sql: `SELECT nspname AS name, concat_ws(' ', pg_get_userbyid(nspowner), nspacl::text) AS definition FROM pg_namespace n WHERE ${userSchema('n')}`,
  },
  { kind: 'extension', sql: 'SELECT extname AS name, extversion AS definition FROM pg_extension' },
  {
    kind: 'table',
    sql: `SELECT format('%I.%I', n.nspname, c.relname) AS name,
        concat_ws(' ', CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'f' THEN 'foreign table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' END,
          'owner ' || pg_get_userbyid(c.relowner), 'persistence ' || c.relpersistence::text, 'replica identity ' || c.relreplident::text,
          'row security ' || c.relrowsecurity || ' forced ' || c.relforcerowsecurity, 'options ' || c.reloptions::text, 'access ' || c.relacl::text,
          'partition of ' || (SELECT format('%I.%I', pn.nspname, p.relname) FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent JOIN pg_namespace pn ON pn.oid = p.relnamespace WHERE i.inhrelid = c.oid ORDER BY i.inhseqno LIMIT 1),
          pg_get_expr(c.relpartbound, c.oid), CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END,
          CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END, 'comment ' || obj_description(c.oid, 'pg_class')) AS definition
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm') AND ${userSchema('n')} AND ${notOfExtension('pg_class', 'c.oid')}`,
  },
  {
    kind: 'column',
    // Numbered over the columns that are left: a dropped one leaves no trace in a dump, and none here.
    sql: `SELECT format('%I.%I.%I', n.nspname, c.relname, a.attname) AS name,
        concat_ws(' ', row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum), format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'not null' END,
          'default ' || pg_get_expr(d.adbin, d.adrelid), nullif('identity ' || a.attidentity::text, 'identity '), nullif('generated ' || a.attgenerated::text, 'generated '),
          'collate ' || (SELECT format('%I.%I', cn.nspname, co.collname) FROM pg_collation co JOIN pg_namespace cn ON cn.oid = co.collnamespace WHERE co.oid = a.attcollation AND co.collname <> 'default'),
          'storage ' || a.attstorage::text, 'access ' || a.attacl::text, 'options ' || a.attoptions::text, 'comment ' || col_description(c.oid, a.attnum)) AS definition
      FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
      WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'f', 'v', 'm', 'c') AND ${userSchema('n')} AND ${notOfExtension('pg_class', 'c.oid')}`,
  },
  {
    kind: 'constraint',
    sql: `SELECT format('%I.%I on %s', n.nspname, k.conname, coalesce(nullif(k.conrelid, 0)::regclass::text, k.contypid::regtype::text)) AS name,
        concat_ws(' ', pg_get_constraintdef(k.oid), CASE WHEN NOT k.convalidated THEN 'not valid' END) AS definition
      FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace WHERE ${userSchema('n')} AND k.contype <> 't' AND ${notOfExtension('pg_constraint', 'k.oid')}`,
  },
  {
    kind: 'index',
    sql: `SELECT format('%I.%I', n.nspname, c.relname) AS name,
        concat_ws(' ', pg_get_indexdef(c.oid), CASE WHEN NOT i.indisvalid THEN 'invalid' END, CASE WHEN i.indisreplident THEN 'replica identity' END, CASE WHEN i.indisclustered THEN 'clustered' END) AS definition
      FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ${userSchema('n')} AND ${notOfExtension('pg_class', 'c.oid')}`,
  },
  {
    kind: 'function',
    sql: `SELECT format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) AS name,
        concat_ws(' ', CASE WHEN p.prokind = 'a' THEN 'aggregate ' || (SELECT concat_ws(' ', a.aggtransfn, a.aggfinalfn, a.agginitval, a.aggtranstype::regtype) FROM pg_aggregate a WHERE a.aggfnoid = p.oid) ELSE pg_get_functiondef(p.oid) END,
          'owner ' || pg_get_userbyid(p.proowner), 'access ' || p.proacl::text) AS definition
      FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE ${userSchema('n')} AND ${notOfExtension('pg_proc', 'p.oid')}`,
  },
  {
    kind: 'trigger',
    sql: `SELECT format('%s on %s', quote_ident(t.tgname), t.tgrelid::regclass) AS name, concat_ws(' ', pg_get_triggerdef(t.oid), 'enabled ' || t.tgenabled::text) AS definition
      FROM pg_trigger t WHERE NOT t.tgisinternal AND ${notOfExtension('pg_trigger', 't.oid')}`,
  },
  {
    kind: 'rule',
    sql: `SELECT format('%s on %s', quote_ident(r.rulename), r.ev_class::regclass) AS name, concat_ws(' ', pg_get_ruledef(r.oid), 'enabled ' || r.ev_enabled::text) AS definition
      FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace WHERE r.rulename <> '_RETURN' AND ${userSchema('n')}`,
  },
  {
    kind: 'sequence',
    sql: `SELECT format('%I.%I', n.nspname, c.relname) AS name,
        concat_ws(' ', format_type(s.seqtypid, NULL), 'start', s.seqstart, 'increment', s.seqincrement, 'min', s.seqmin, 'max', s.seqmax, 'cache', s.seqcache, 'cycle', s.seqcycle, 'owner', pg_get_userbyid(c.relowner),
          'owned by ' || (SELECT format('%s.%I', d.refobjid::regclass, a.attname) FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
            WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i') AND d.refclassid = 'pg_class'::regclass LIMIT 1)) AS definition
      FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ${userSchema('n')} AND ${notOfExtension('pg_class', 'c.oid')}`,
  },
  {
    kind: 'type',
    sql: `SELECT format('%I.%I', n.nspname, t.typname) AS name,
        concat_ws(' ', t.typtype, 'owner ' || pg_get_userbyid(t.typowner), CASE WHEN t.typtype = 'd' THEN concat_ws(' ', format_type(t.typbasetype, t.typtypmod), CASE WHEN t.typnotnull THEN 'not null' END, 'default ' || t.typdefault) END,
          (SELECT 'labels ' || json_agg(e.enumlabel ORDER BY e.enumsortorder)::text FROM pg_enum e WHERE e.enumtypid = t.oid),
          (SELECT 'range of ' || format_type(r.rngsubtype, NULL) FROM pg_range r WHERE r.rngtypid = t.oid)) AS definition
      FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace LEFT JOIN pg_class c ON c.oid = t.typrelid
      WHERE ${userSchema('n')} AND t.typtype IN ('d', 'e', 'r', 'm', 'b', 'c') AND t.typelem = 0 AND (c.relkind IS NULL OR c.relkind = 'c') AND ${notOfExtension('pg_type', 't.oid')}`,
  },
  {
    kind: 'policy',
    sql: `SELECT format('%I on %I.%I', policyname, schemaname, tablename) AS name, concat_ws(' ', permissive, roles::text, cmd, 'using ' || qual, 'check ' || with_check) AS definition FROM pg_policies`,
  },
  {
    kind: 'publication',
    sql: `SELECT p.pubname AS name, concat_ws(' ', 'all tables', p.puballtables, 'insert', p.pubinsert, 'update', p.pubupdate, 'delete', p.pubdelete, 'truncate', p.pubtruncate, 'via root', p.pubviaroot,
        (SELECT string_agg(concat_ws(' ', format('%I.%I', t.schemaname, t.tablename), t.attnames::text, t.rowfilter), '; ' ORDER BY t.schemaname, t.tablename) FROM pg_publication_tables t WHERE t.pubname = p.pubname)) AS definition
      FROM pg_publication p`,
  },
  {
    kind: 'collation',
    sql: `SELECT format('%I.%I', n.nspname, c.collname) AS name, concat_ws(' ', c.collprovider, c.collcollate, c.collctype, c.collisdeterministic) AS definition FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace WHERE ${userSchema('n')} AND ${notOfExtension('pg_collation', 'c.oid')}`,
  },
  {
    kind: 'operator',
    sql: `SELECT format('%I.%I', n.nspname, o.oprname) || format('(%s, %s)', format_type(o.oprleft, NULL), format_type(o.oprright, NULL)) AS name, o.oprcode::text AS definition FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace WHERE ${userSchema('n')} AND ${notOfExtension('pg_operator', 'o.oid')}`,
  },
  {
    kind: 'text search configuration',
    sql: `SELECT format('%I.%I', n.nspname, c.cfgname) AS name, (SELECT string_agg(concat_ws(' ', m.maptokentype, m.mapseqno, m.mapdict::regdictionary), '; ' ORDER BY m.maptokentype, m.mapseqno) FROM pg_ts_config_map m WHERE m.mapcfg = c.oid) AS definition FROM pg_ts_config c JOIN pg_namespace n ON n.oid = c.cfgnamespace WHERE ${userSchema('n')}`,
  },
  {
    kind: 'extended statistics',
    sql: `SELECT format('%I.%I', n.nspname, s.stxname) AS name, pg_get_statisticsobjdef(s.oid) AS definition FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace WHERE ${userSchema('n')}`,
  },
  {
    kind: 'event trigger',
    sql: `SELECT evtname AS name, concat_ws(' ', evtevent, evtfoid::regproc, evtenabled, evttags::text) AS definition FROM pg_event_trigger`,
  },
  {
    kind: 'default privileges',
    sql: `SELECT concat_ws(' ', pg_get_userbyid(defaclrole), coalesce(n.nspname, '*'), defaclobjtype) AS name, defaclacl::text AS definition FROM pg_default_acl a LEFT JOIN pg_namespace n ON n.oid = a.defaclnamespace`,
  },
  {
    kind: 'foreign server',
    sql: `SELECT srvname AS name, concat_ws(' ', pg_get_userbyid(srvowner), srvtype, srvversion) AS definition FROM pg_foreign_server`,
  },
  {
    kind: 'database setting',
    sql: `SELECT coalesce('role ' || r.rolname, 'all roles') AS name, s.setconfig::text AS definition FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase LEFT JOIN pg_roles r ON r.oid = s.setrole WHERE d.datname = current_database()`,
  },
]

/** What belongs to the whole server rather than to a database; passwords stay where they are. */
export const serverQueries: { kind: string; sql: string }[] = [
  {
    kind: 'role',
    sql: `SELECT r.rolname AS name, concat_ws(' ', 'super', r.rolsuper, 'inherit', r.rolinherit, 'createrole', r.rolcreaterole, 'createdb', r.rolcreatedb, 'login', r.rolcanlogin, 'replication', r.rolreplication, 'bypassrls', r.rolbypassrls,
        'limit', r.rolconnlimit, 'until ' || r.rolvaliduntil::text, 'settings ' || r.rolconfig::text,
        (SELECT 'in ' || string_agg(g.rolname, ', ' ORDER BY g.rolname) FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid)) AS definition
      FROM pg_roles r WHERE r.rolname !~ '^pg_'`,
  },
  {
    kind: 'database',
    sql: `SELECT datname AS name, concat_ws(' ', 'owner', pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype, 'limit', datconnlimit, 'access ' || datacl::text) AS definition FROM pg_database WHERE datallowconn AND NOT datistemplate`,
  },
  { kind: 'tablespace', sql: 'SELECT spcname AS name, pg_get_userbyid(spcowner) AS definition FROM pg_tablespace' },
]
