import type { ConfigFile } from './small-pipeline.ts'

export type Server = 'postgres' | 'kafka' | 'registry' | 'connect'
export type Change = (config: ConfigFile) => void

const set =
  (server: Server, changes: Record<string, unknown>): Change =>
  (config) => {
    for (const [key, value] of Object.entries(changes)) {
      if (value === undefined) delete config[server][key]
      else config[server][key] = value
    }
  }
export const url =
  (server: 'postgres' | 'registry' | 'connect', change: (url: string) => string): Change =>
  (config) => {
    config[server].url = change(String(config[server].url))
  }
export const bootstrap =
  (change: (server: string) => string): Change =>
  (config) => {
    config.kafka.bootstrapServers = (config.kafka.bootstrapServers as string[]).map(change)
  }
export const otherCa = (text: string) => text.replace('ca.pem', 'other-ca.pem')
const byAnotherName = (text: string) => text.replace('127.0.0.1', 'localhost')

export interface Fault {
  title: string
  server: Server
  change: Change
  exit: number
  code: string
  message: RegExp
  hint: RegExp
}

const untrusted = /shows a certificate that is not trusted \(127\.0\.0\.1, signed by Datapipe stack CA\)/
const otherName = /shows a certificate for another name than localhost/
const withoutTls = /speaks TLS, and was spoken to without it/

export const faults: Fault[] = [
  ...[
    {
      server: 'postgres' as const,
      change: url('postgres', (text) => text.replace(/\$\{file:[^}]*\}/, 'nonsense')),
      message: /refused user datapipe/,
    },
    {
      server: 'kafka' as const,
      change: set('kafka', { sasl: { mechanism: 'SCRAM-SHA-512', username: 'datapipe', password: 'nonsense' } }),
      message: /refused the credentials/,
    },
    { server: 'registry' as const, change: set('registry', { password: 'nonsense' }), message: /with 401/ },
  ].map((fault) => ({ title: 'the wrong password', exit: 32, code: 'unauthorized', hint: /user name and password/, ...fault })),
  {
    title: 'no login',
    server: 'kafka',
    change: set('kafka', { sasl: undefined }),
    exit: 32,
    code: 'unauthorized',
    message: /wants a login/,
    hint: /kafka\.sasl/,
  },
  ...[
    { server: 'postgres' as const, change: url('postgres', otherCa), hint: /sslrootcert/ },
    {
      server: 'kafka' as const,
      change: (config: ConfigFile) => set('kafka', { tls: { ca: otherCa(caOf(config)) } })(config),
      hint: /kafka\.tls\.ca/,
    },
    {
      server: 'registry' as const,
      change: (config: ConfigFile) => set('registry', { tls: { ca: otherCa(caOf(config)) } })(config),
      hint: /registry\.tls\.ca/,
    },
  ].map((fault) => ({ title: 'the certificate of another authority', exit: 60, code: 'tls-failed', message: untrusted, ...fault })),
  ...[
    { server: 'postgres' as const, change: url('postgres', byAnotherName) },
    { server: 'kafka' as const, change: bootstrap(byAnotherName) },
    { server: 'registry' as const, change: url('registry', byAnotherName) },
  ].map((fault) => ({
    title: 'a name that the certificate is not for',
    exit: 60,
    code: 'tls-failed',
    message: otherName,
    hint: /a name that the certificate is for/,
    ...fault,
  })),
  ...[
    { server: 'postgres' as const, change: url('postgres', (text) => text.replace(/\?.*/, '')), hint: /sslmode=verify-full/ },
    { server: 'kafka' as const, change: set('kafka', { tls: undefined }), hint: /set kafka\.tls/ },
    { server: 'registry' as const, change: url('registry', (text) => text.replace('https:', 'http:')), hint: /https:\/\// },
  ].map((fault) => ({ title: 'no TLS', exit: 60, code: 'tls-failed', message: withoutTls, ...fault })),
  {
    title: 'TLS on a plain port',
    server: 'connect',
    change: url('connect', (text) => text.replace('http:', 'https:')),
    exit: 60,
    code: 'tls-failed',
    message: /does not speak TLS/,
    hint: /connect\.url/,
  },
]

function caOf(config: ConfigFile): string {
  return (config.kafka.tls as { ca: string }).ca
}
