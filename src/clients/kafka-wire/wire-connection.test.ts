import { expect, test } from 'vitest'
import { createAuthority } from '../../stack/certificates/authority.ts'
import { tlsStandIn } from '../tls-stand-in.ts'
import { WireConnection, type WireOptions } from './wire-connection.ts'

const authority = createAuthority('Right CA')
const plain: WireOptions = { clientId: 'test', requestTimeoutMs: 5_000 }
const secure: WireOptions = { ...plain, tls: { ca: authority.certificate, checkHost: true } }
const certificate = authority.issue({ hosts: ['127.0.0.1'] })

const refused = async (options: WireOptions, server: Parameters<typeof tlsStandIn>[0]) => {
  await using standIn = await tlsStandIn(server)
  return await WireConnection.open({ host: '127.0.0.1', port: standIn.port }, options).then(
    () => expect.fail('it must not connect'),
    (error: unknown) => error,
  )
}

test.each([
  [
    'a certificate of another authority',
    secure,
    { certificate: createAuthority('Wrong CA').issue({ hosts: ['127.0.0.1'] }) },
    /not trusted \(127\.0\.0\.1, signed by Wrong CA\).*ssl\.truststore/,
  ],
  ['a certificate for another name', secure, { certificate: authority.issue({ hosts: ['elsewhere'] }) }, /another name than 127\.0\.0\.1/],
  ['TLS on a plain port', secure, {}, /handshake|does not speak TLS/],
  ['no TLS on a TLS port', plain, { certificate }, /speaks TLS, and was spoken to without it.*security\.protocol/],
] as const)('%s is a failure that no repetition cures, in words', async (_title, options, server, message) => {
  const error = await refused(options, server)
  expect(error).toMatchObject({ kind: 'unauthorized', passing: false, message: expect.stringMatching(message) })
})

test('a server that closes for another reason stays unreachable, which may pass', async () => {
  expect(await refused(plain, {})).toMatchObject({ kind: 'unreachable', passing: true })
})
