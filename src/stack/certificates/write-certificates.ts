import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createAuthority } from './authority.ts'

/** Where a secure stack's certificates are; all PEM. */
export interface CertificateFiles {
  /** What clients trust. */
  ca: string
  certificate: string
  key: string
  /** Key and certificate in one file, as Kafka takes them. */
  keyAndCertificate: string
  /** For faults: a server's certificate of yesterday, and the certificate of an authority that signed nothing here. */
  expired: { certificate: string; key: string }
  otherCa: string
}

export function certificateFiles(directory: string): CertificateFiles {
  const at = (name: string) => join(directory, name)
  return {
    ca: at('ca.pem'),
    certificate: at('server.crt'),
    key: at('server.key'),
    keyAndCertificate: at('server.pem'),
    expired: { certificate: at('expired.crt'), key: at('expired.key') },
    otherCa: at('other-ca.pem'),
  }
}

const day = 86_400_000

/** Makes the directory with all of it anew. Keys are readable by their owner alone. `hosts`: names and addresses that clients use. */
export async function writeCertificates(directory: string, hosts: string[]): Promise<CertificateFiles> {
  const files = certificateFiles(directory)
  const authority = createAuthority('Datapipe stack CA')
  const server = authority.issue({ hosts })
  const expired = authority.issue({ hosts, notBefore: new Date(Date.now() - 2 * day), notAfter: new Date(Date.now() - day) })
  await mkdir(directory, { mode: 0o755 })
  const open = (path: string, text: string) => writeFile(path, text, { mode: 0o644 })
  const closed = (path: string, text: string) => writeFile(path, text, { mode: 0o600 })
  await open(files.ca, authority.certificate)
  await open(files.certificate, server.certificate)
  await closed(files.key, server.key)
  await closed(files.keyAndCertificate, server.key + server.certificate)
  await open(files.expired.certificate, expired.certificate)
  await closed(files.expired.key, expired.key)
  await open(files.otherCa, createAuthority('Another CA').certificate)
  return files
}
