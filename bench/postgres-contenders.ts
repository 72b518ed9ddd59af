import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { stringify } from 'yaml'
import { toolConnection } from '../src/clients/postgres.ts'
import { type TestServer, testPassword } from '../suites/postgres-server.ts'
import { freshDirectory } from './contenders.ts'

/** One program: how it backs up into a place, and how it brings the files back from there. */
export interface PostgresContender {
  name: string
  notRun?: string
  prepare(place: string): Promise<void>
  backup(place: string): string[]
  /** Into `to`, which is empty. */
  restore?(place: string, to: string): string[]
  env?: Record<string, string>
}

const program = fileURLToPath(new URL('../bin/datapipe.js', import.meta.url))
const restoreFiles = fileURLToPath(new URL('postgres-restore-files.ts', import.meta.url))

/** Everybody who is measured, in the order of a round. */
export async function postgresContenders(server: TestServer): Promise<PostgresContender[]> {
  const datapipe = (compression: string): PostgresContender => ({
    name: `datapipe ${compression}`,
    async prepare(place) {
      await freshDirectory(place)
      const postgres = { url: server.url, archive: { mode: 'receive' }, compression }
      await writeFile(join(place, 'datapipe.yaml'), stringify({ repository: { url: `file://${place}/repository` }, postgres }))
    },
    backup: (place) => [process.execPath, program, '--config', join(place, 'datapipe.yaml'), 'backup', '--full'],
    restore: (place, to) => [process.execPath, restoreFiles, join(place, 'repository'), to],
  })
  const { connection, env } = toolConnection(server.url)
  const plain = (name: string, args: string[]): PostgresContender => ({
    name: `pg_basebackup ${name}`,
    prepare: freshDirectory,
    backup: (place) => [join(server.bin, 'pg_basebackup'), `--dbname=${connection}`, `--pgdata=${place}/data`, '--checkpoint=fast', ...args],
    env,
  })
  const missing = await promisify(execFile)('pgbackrest', ['version']).then(
    () => undefined,
    () => 'pgbackrest is not installed (Debian package pgbackrest)',
  )
  const pgbackrest = (type: string): PostgresContender => {
    const common = (place: string, data: string) => [
      'pgbackrest',
      '--stanza=bench',
      `--pg1-path=${data}`,
      `--repo1-path=${place}/repository`,
      `--lock-path=${place}/lock`,
      `--log-path=${place}/log`,
      '--log-level-console=error',
    ]
    const connected = [`--pg1-port=${server.port}`, `--pg1-socket-path=${server.directory}`, '--pg1-user=admin']
    return {
      name: `pgBackRest ${type}, 2 processes`,
      ...(missing === undefined ? {} : { notRun: missing }),
      async prepare(place) {
        await freshDirectory(place)
        for (const name of ['lock', 'log', 'repository']) await mkdir(join(place, name))
        const [first = '', ...args] = [...common(place, server.dataDirectory), ...connected, 'stanza-create']
        await promisify(execFile)(first, args, { env: { ...process.env, PGPASSWORD: testPassword } })
      },
      backup: (place) => [
        ...common(place, server.dataDirectory),
        ...connected,
        ...[
          '--type=full',
          `--compress-type=${type}`,
          ...(type === 'zst' ? ['--compress-level=3'] : []),
          '--process-max=2',
          '--start-fast',
          '--no-archive-check',
          '--repo1-retention-full=1',
        ],
        'backup',
      ],
      restore: (place, to) => [...common(place, to), '--process-max=2', '--archive-mode=off', '--type=none', 'restore'],
      env: { PGPASSWORD: testPassword },
    }
  }
  return [
    datapipe('zstd'),
    datapipe('lz4'),
    pgbackrest('zst'),
    pgbackrest('lz4'),
    plain('plain, WAL streamed', []),
    plain('tar, zstd by the server', ['--format=tar', '--wal-method=none', '--compress=server-zstd:3']),
    plain('tar, lz4 by the server', ['--format=tar', '--wal-method=none', '--compress=server-lz4']),
  ]
}
