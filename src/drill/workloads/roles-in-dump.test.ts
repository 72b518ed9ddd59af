import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { rolesInDump } from './roles-in-dump.ts'

test('finds owners, grantees and policy roles, and nothing in COPY data', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'roles-'))
  try {
    const file = join(directory, 'dump.sql')
    const lines = [
      'ALTER TABLE public.a OWNER TO shop_owner;',
      'ALTER TABLE public."OWNER TO x;" OWNER TO "Odd ""Role""";',
      'COPY public.a (t) FROM stdin;',
      'ALTER TABLE public.a OWNER TO data_only;',
      '\\.',
      'GRANT SELECT,INSERT ON TABLE public.a TO reader WITH GRANT OPTION;',
      'REVOKE ALL ON SCHEMA public FROM PUBLIC;',
      'GRANT ALL ON SCHEMA public TO Writer;',
      'ALTER DEFAULT PRIVILEGES FOR ROLE admin IN SCHEMA public GRANT SELECT ON TABLES TO reporter;',
      'CREATE POLICY p ON public.a FOR SELECT TO auditor, "Second One" USING (true);',
    ]
    await writeFile(file, `${lines.join('\n')}\n`)
    expect([...(await rolesInDump(file))]).toEqual(['shop_owner', 'Odd "Role"', 'reader', 'writer', 'admin', 'reporter', 'auditor', 'Second One'])
  } finally {
    await rm(directory, { recursive: true })
  }
})
