import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { aptSettings, extraCertificates, hostSettings, npmSettings, pipSettings } from './host-settings.ts'

const pem = (body: string) => `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----`

test('certificates that everybody knows are left out, and the others come once', () => {
  const bundle = `# a comment\n${pem('PUB\nLIC')}\n${pem('PROXY')}\n`
  expect(extraCertificates([bundle, pem('PROXY'), pem('OTHER')], [pem('PUBLIC')])).toBe(`${pem('PROXY')}\n${pem('OTHER')}\n`)
})

test('of apt’s settings proxies and the age of lists count', () => {
  const dump = 'Acquire "";\nAcquire::http "";\nAcquire::http::Proxy "http://proxy:3128";\nAcquire::Check-Date "false";\nAcquire::Languages "none";\n'
  expect(aptSettings(dump)).toBe('Acquire::http::Proxy "http://proxy:3128";\nAcquire::Check-Date "false";\n')
})

test('of npm’s and pip’s settings registries, credentials and proxies count, paths of this host do not', () => {
  expect(npmSettings('registry=https://r/\n@own:registry=https://o/\n//r/:_authToken=t\ncafile=/etc/x\nhttps-proxy = http://p\naudit=false\n')).toBe(
    'registry=https://r/\n@own:registry=https://o/\n//r/:_authToken=t\nhttps-proxy = http://p\n',
  )
  expect(pipSettings('[global]\nindex-url = https://i/\ncert = /etc/x\n')).toBe('[global]\nindex-url = https://i/\n')
  expect(pipSettings('[global]\ncert = /etc/x\n')).toBe('')
})

test('a CA file without a certificate is refused by its name', async () => {
  const file = fileURLToPath(new URL('../../package.json', import.meta.url))
  await expect(hostSettings({ ca: file })).rejects.toMatchObject({ code: 'config-invalid', path: file })
  await expect(hostSettings({ ca: '/no/such/file' })).rejects.toMatchObject({ code: 'config-invalid', path: '/no/such/file' })
})
