import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { isIP } from 'node:net'
import { bits, integer, octets, oid, sequence, set, tagged, text, time, truth } from './der.ts'

/** A certificate and its private key as PEM texts (PKCS #8). */
export interface Certificate {
  certificate: string
  key: string
}

export interface CertificateOptions {
  /** Host names and IP addresses that it is for; the first is its common name too. */
  hosts: string[]
  /** Now, less an hour for clocks that go wrong, when left out. */
  notBefore?: Date
  /** A month from now when left out: these live as long as a stack. */
  notAfter?: Date
}

export interface Authority {
  /** Its own certificate, PEM: what clients trust. */
  readonly certificate: string
  /** For a server, and for a client that must show one. */
  issue(options: CertificateOptions): Certificate
}

const hour = 3_600_000
const month = 30 * 24 * hour
const ecdsaWithSha256 = sequence(oid('1.2.840.10045.4.3.2'))

/**
 * A certificate authority of a run's own (RFC 5280, version 3, P-256, ECDSA with SHA-256), made by Node alone: no openssl, nothing kept.
 * Its key lives in this process's memory and nowhere else.
 */
export function createAuthority(name: string): Authority {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const subject = nameOf(name)
  const authorityKey = keyId(publicKey)
  const certificate = signed(privateKey, {
    issuer: subject,
    subject,
    publicKey,
    validity: [new Date(Date.now() - hour), new Date(Date.now() + 2 * month)],
    // cA; keyCertSign and cRLSign; its key's id.
    extensions: [critical('2.5.29.19', sequence(truth())), critical('2.5.29.15', bits(Buffer.from([0x06]), 1)), subjectKeyId(authorityKey)],
  })
  return {
    certificate,
    issue({ hosts, notBefore = new Date(Date.now() - hour), notAfter = new Date(Date.now() + month) }) {
      const own = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const issued = signed(privateKey, {
        issuer: subject,
        subject: nameOf(hosts[0] ?? name),
        publicKey: own.publicKey,
        validity: [notBefore, notAfter],
        extensions: [
          critical('2.5.29.15', bits(Buffer.from([0x80]), 7)),
          // serverAuth, clientAuth
          extension('2.5.29.37', sequence(oid('1.3.6.1.5.5.7.3.1'), oid('1.3.6.1.5.5.7.3.2'))),
          extension('2.5.29.17', sequence(...hosts.map(alternativeName))),
          extension('2.5.29.35', sequence(tagged(0, authorityKey, false))),
          subjectKeyId(keyId(own.publicKey)),
        ],
      })
      return { certificate: issued, key: own.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string }
    },
  }
}

interface ToSign {
  issuer: Buffer
  subject: Buffer
  publicKey: KeyObject
  validity: [Date, Date]
  extensions: Buffer[]
}

/**
 *   Certificate    = TBSCertificate, signature algorithm, signature
 *   TBSCertificate = [0] version 2 (v3), serial, signature algorithm, issuer, validity, subject, public key, [3] extensions
 */
function signed(key: KeyObject, { issuer, subject, publicKey, validity, extensions }: ToSign): string {
  const toBeSigned = sequence(
    tagged(0, integer(Buffer.from([2]))),
    // The high bit off, a lower one on: positive, and never with a leading zero byte.
    integer(Buffer.concat([Buffer.from([0x40 | ((randomBytes(1)[0] ?? 0) & 0x3f)]), randomBytes(15)])),
    ecdsaWithSha256,
    issuer,
    sequence(...validity.map(time)),
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(3, sequence(...extensions)),
  )
  const signature = sign('sha256', toBeSigned, key)
  const base64 = sequence(toBeSigned, ecdsaWithSha256, bits(signature)).toString('base64')
  return `-----BEGIN CERTIFICATE-----\n${base64.replace(/(.{64})/g, '$1\n').trimEnd()}\n-----END CERTIFICATE-----\n`
}

const nameOf = (commonName: string) => sequence(set(sequence(oid('2.5.4.3'), text(commonName))))
const extension = (id: string, value: Buffer) => sequence(oid(id), octets(value))
const critical = (id: string, value: Buffer) => sequence(oid(id), truth(), octets(value))
const subjectKeyId = (id: Buffer) => extension('2.5.29.14', octets(id))
const keyId = (publicKey: KeyObject) =>
  createHash('sha1')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest()

/** GeneralName: [2] a DNS name, [7] the bytes of an IPv4 address. */
function alternativeName(host: string): Buffer {
  if (isIP(host) === 4) return tagged(7, Buffer.from(host.split('.').map(Number)), false)
  return tagged(2, Buffer.from(host, 'ascii'), false)
}
