import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createAuthority } from '../stack/certificates/authority.ts'
import { connectPostgres } from './postgres.ts'
import { postgresTls, withoutTls } from './postgres-tls.ts'
import { tlsStandIn } from './tls-stand-in.ts'

const authority = createAuthority('Right CA')
let directory = ''
let ca = ''
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'datapipe-pgtls-'))
  ca = join(directory, 'ca.pem')
  await writeFile(ca, authority.certificate)
})
afterAll(() => rm(directory, { recursive: true }))

const tls = (query: string) => postgresTls(new URL(`postgres://me:pw@db:5432/x?${query}`))

test('no sslmode, allow and prefer promise nothing, disable and a socket need nothing: no TLS', () => {
  for (const query of ['', 'sslmode=allow', 'sslmode=prefer', 'sslmode=disable']) expect(tls(query), query).toBe(false)
  expect(postgresTls(new URL('postgres://me@%2Ftmp%2Fsocket/x?sslmode=verify-full'))).toBe(false)
})

test('a mode that does not exist, and a file that cannot be read, are faults of the configuration', () => {
  expect(() => tls('sslmode=verify_full')).toThrow(/sslmode is none of/)
  expect(() => tls('sslmode=verify-full&sslrootcert=/nowhere/ca.pem')).toThrow(/sslrootcert cannot be read: \/nowhere\/ca\.pem/)
})

test('what is about TLS is taken out for the driver, and nothing else', () => {
  expect(withoutTls(new URL('postgres://me@db/x?sslmode=require&application_name=a&sslrootcert=/ca'))).toBe('postgres://me@db/x?application_name=a')
})

test.each([
  // [mode, signed by the trusted authority, for this host, connects]
  ['require without a root certificate', false, false, true],
  ['require', false, true, false],
  ['require', true, false, true],
  ['verify-ca', true, false, true],
  ['verify-ca', false, true, false],
  ['verify-full', true, false, false],
  ['verify-full', true, true, true],
])('as libpq has it: %s, trusted signature %s, right name %s: connects %s', async (mode, trusted, rightName, connects) => {
  const signer = trusted ? authority : createAuthority('Wrong CA')
  const certificate = signer.issue({ hosts: [rightName ? '127.0.0.1' : 'elsewhere'] })
  let reached = false
  await using server = await tlsStandIn({
    certificate,
    postgres: true,
    talk: (socket) => {
      // The startup packet arrives only over a handshake that the client was content with.
      socket.once('data', () => {
        reached = true
        socket.destroy()
      })
    },
  })
  const root = mode.includes('without') ? '' : `&sslrootcert=${ca}`
  await connectPostgres(`postgres://me:pw@127.0.0.1:${server.port}/x?sslmode=${mode.split(' ')[0]}${root}`).catch(() => undefined)
  expect(reached).toBe(connects)
})
