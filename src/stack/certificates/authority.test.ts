import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer } from 'node:tls'
import { expect, test } from 'vitest'
import { createAuthority, type Certificate } from './authority.ts'

const authority = createAuthority('Datapipe test CA')

test('an issued certificate is for its names, belongs to its key and is signed by its authority', () => {
  const { certificate, key } = authority.issue({ hosts: ['127.0.0.1', 'localhost'] })
  const read = new X509Certificate(certificate)
  const issuer = new X509Certificate(authority.certificate)
  expect(read.subjectAltName).toBe('IP Address:127.0.0.1, DNS:localhost')
  expect(read.checkIP('127.0.0.1')).toBe('127.0.0.1')
  expect(read.checkHost('elsewhere')).toBeUndefined()
  expect(read.checkIssued(issuer)).toBe(true)
  expect(read.verify(issuer.publicKey)).toBe(true)
  expect(read.verify(new X509Certificate(createAuthority('another').certificate).publicKey)).toBe(false)
  expect(issuer.ca).toBe(true)
  expect(read.ca).toBe(false)
  expect(key).toMatch(/^-----BEGIN PRIVATE KEY-----/)
})

test('TLS is spoken with it: trusted by its own authority alone, and not once it has expired', async () => {
  const day = 86_400_000
  const expired = authority.issue({ hosts: ['localhost'], notBefore: new Date(Date.now() - 2 * day), notAfter: new Date(Date.now() - day) })
  const good = authority.issue({ hosts: ['localhost'] })
  expect(await handshake(good, authority.certificate)).toBe('trusted')
  expect(await handshake(good, createAuthority('another').certificate)).toMatch(/UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT/)
  expect(await handshake(expired, authority.certificate)).toBe('CERT_HAS_EXPIRED')
})

async function handshake({ certificate, key }: Certificate, ca: string): Promise<string> {
  await using server = createServer({ cert: certificate, key })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', servername: 'localhost', ca })
  try {
    await once(socket, 'secureConnect')
    return 'trusted'
  } catch (error) {
    return String((error as { code?: unknown }).code)
  } finally {
    socket.destroy()
  }
}
