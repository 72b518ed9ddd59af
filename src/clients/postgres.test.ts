import { expect, test } from 'vitest'
import { connectPostgres, postgresAddress, toolConnection, withDatabase } from './postgres.ts'

const url = 'postgres://back%40up:se%2Fcret@db.example:5433/app%20one?sslmode=require'

test('reads host, port, user and database out of a URL in percent encoding', () => {
  expect(postgresAddress(url)).toEqual({ host: 'db.example', port: 5433, user: 'back@up', database: 'app one' })
  expect(postgresAddress('postgres://me@%2Ftmp%2Fsocket:5440/x')).toEqual({ host: '/tmp/socket', port: 5440, user: 'me', database: 'x' })
  expect(postgresAddress('postgres://me@db')).toEqual({ host: 'db', port: 5432, user: 'me', database: 'me' })
})

test("keeps the password out of the programs' arguments", () => {
  const { connection, env } = toolConnection(url)
  expect(connection).toBe('postgres://back%40up@db.example:5433/app%20one?sslmode=require')
  expect(env.PGPASSWORD).toBe('se/cret')
})

test('changes the database and nothing else', () => {
  expect(withDatabase(url, 'other')).toBe('postgres://back%40up:se%2Fcret@db.example:5433/other?sslmode=require')
})

test('a server that is not there is unreachable, by host and port and without the password', async () => {
  const error = await connectPostgres('postgres://me:topsecret@127.0.0.1:1/x').catch((e: unknown) => e)
  expect(error).toMatchObject({ code: 'unreachable', path: '127.0.0.1:1' })
  expect(String(error)).not.toContain('topsecret')
})

test('a URL that does not parse is config-invalid and is not repeated', async () => {
  const error = await connectPostgres('postgres://me:topsecret@host:port/x').catch((e: unknown) => e)
  expect(error).toMatchObject({ code: 'config-invalid' })
  expect(String(error)).not.toContain('topsecret')
})
