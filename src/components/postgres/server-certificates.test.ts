import { expect, test } from 'vitest'
import { certificatesOutside, missingCertificates } from './server-certificates.ts'

const data = '/var/lib/postgresql/15/main'
const settings = { ssl: 'on', ssl_cert_file: '/etc/ssl/certs/db.pem', ssl_key_file: '/nowhere/db.key', ssl_ca_file: 'root.crt', ssl_crl_file: '' }

test('files outside the data directory are found, those inside it and unset ones are not', () => {
  expect(certificatesOutside(settings, data)).toEqual([
    { setting: 'ssl_cert_file', path: '/etc/ssl/certs/db.pem', secret: false },
    { setting: 'ssl_key_file', path: '/nowhere/db.key', secret: true },
  ])
  expect(certificatesOutside({ ...settings, ssl_key_file: `${data}/server.key`, ssl_cert_file: 'server.crt' }, data)).toEqual([])
})

test('a server without TLS needs none of them, nor does one from a backup that does not know', () => {
  expect(certificatesOutside({ ...settings, ssl: 'off' }, data)).toEqual([])
  expect(certificatesOutside({}, data)).toEqual([])
})

test('of files that are there none is missing', () => {
  expect(missingCertificates({ ...settings, ssl_cert_file: '/etc/passwd' }, data)).toEqual([
    { setting: 'ssl_key_file', path: '/nowhere/db.key', secret: true },
  ])
})
