import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { kafkaConfigSchema } from '../base/config.ts'
import { silentContext } from '../base/context.ts'
import type { DatapipeError } from '../base/errors.ts'
import { createAuthority } from '../stack/certificates/authority.ts'
import { createHttpClient } from './http.ts'
import { connectKafka } from './kafka/kafka-client.ts'
import { connectPostgres } from './postgres.ts'
import { type StandInOptions, tlsStandIn } from './tls-stand-in.ts'

const day = 86_400_000
const authority = createAuthority('Right CA')
const other = createAuthority('Wrong CA')
const good = authority.issue({ hosts: ['127.0.0.1'] })
const expired = authority.issue({ hosts: ['127.0.0.1'], notBefore: new Date(Date.now() - 2 * day), notAfter: new Date(Date.now() - day) })
const elsewhere = authority.issue({ hosts: ['db.example'] })
const ca = authority.certificate

let directory = ''
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'datapipe-tls-'))
  await writeFile(join(directory, 'ca.pem'), ca)
})
afterAll(() => rm(directory, { recursive: true }))

/** Each client as a backup uses it; `tls`: spoken to by TLS, trusting the right authority. */
const clients: Record<string, { postgres: boolean; attempt: (port: number, tls: boolean, host: string) => Promise<unknown> }> = {
  kafka: {
    postgres: false,
    attempt: async (port, tls, host) => {
      const config = kafkaConfigSchema.parse({ bootstrapServers: [`${host}:${port}`], ...(tls ? { tls: { ca } } : {}) })
      await using _ = await connectKafka(config, silentContext())
    },
  },
  'kafka with a login': {
    postgres: false,
    attempt: async (port, tls, host) => {
      const sasl = { mechanism: 'SCRAM-SHA-512', username: 'me', password: 'topsecret' }
      const config = kafkaConfigSchema.parse({ bootstrapServers: [`${host}:${port}`], sasl, ...(tls ? { tls: { ca } } : {}) })
      await using _ = await connectKafka(config, silentContext())
    },
  },
  registry: {
    postgres: false,
    attempt: (port, tls, host) => {
      const url = `${tls ? 'https' : 'http'}://${host}:${port}`
      const credentials = { username: 'me', password: 'topsecret' }
      return createHttpClient({
        name: 'schema registry',
        section: 'registry',
        url,
        ...credentials,
        tls: { ca },
        signal: silentContext().signal,
      }).request('GET', '/')
    },
  },
  postgres: {
    postgres: true,
    attempt: async (port, tls, host) => {
      const parameters = tls ? `?sslmode=verify-full&sslrootcert=${join(directory, 'ca.pem')}` : ''
      await using _ = await connectPostgres(`postgres://me:topsecret@${host}:${port}/x${parameters}`)
    },
  },
}

describe.each(Object.entries(clients))('%s', (_name, { postgres, attempt }) => {
  const failure = async (options: StandInOptions, tls: boolean, host = '127.0.0.1'): Promise<DatapipeError> => {
    await using server = await tlsStandIn({ ...options, postgres })
    const started = performance.now()
    const error = await attempt(server.port, tls, host).then(
      () => expect.fail('it must not connect'),
      (thrown: DatapipeError) => thrown,
    )
    expect(performance.now() - started, 'bounded').toBeLessThan(15_000)
    expect(`${error.message} ${error.hint} ${error.path}`).not.toContain('topsecret')
    return error
  }

  test('a certificate of another authority is not trusted, and the error says whose it is and what to set', async () => {
    const error = await failure({ certificate: other.issue({ hosts: ['127.0.0.1'] }) }, true)
    expect(error).toMatchObject({ code: 'tls-failed', exitCode: 60 })
    expect(error.message).toMatch(/127\.0\.0\.1:\d+ shows a certificate that is not trusted \(127\.0\.0\.1, signed by Wrong CA\)$/)
    expect(error.hint).toMatch(/kafka\.tls\.ca|registry\.tls\.ca|sslrootcert/)
    expect(error.cause).toBeInstanceOf(Error)
  })

  test('an expired certificate is refused with its date', async () => {
    const error = await failure({ certificate: expired }, true)
    expect(error).toMatchObject({ code: 'tls-failed' })
    expect(error.message).toMatch(/shows a certificate that has expired \(127\.0\.0\.1, valid until \d{4}-/)
  })

  test('a certificate for another name is refused with both names', async () => {
    const error = await failure({ certificate: elsewhere }, true)
    expect(error).toMatchObject({ code: 'tls-failed' })
    expect(error.message).toMatch(/shows a certificate for another name than 127\.0\.0\.1$/)
    expect((error.cause as Error).message).toMatch(/db\.example|not in the cert/)
    expect(await failure({ certificate: good }, true, 'localhost')).toMatchObject({
      code: 'tls-failed',
      message: expect.stringMatching(/another name than localhost$/),
    })
  })

  test('TLS on a plain port is named as such', async () => {
    const error = await failure({}, true)
    expect(error).toMatchObject({ code: 'tls-failed' })
    expect(error.message).toMatch(/does not speak TLS|closed the connection in the TLS handshake/)
    expect(error.hint).toMatch(/TLS|ssl/)
  })

  test('a plain client on a TLS port is told to speak TLS', async () => {
    const refusal = postgres ? { talk: refuseWithoutTls } : {}
    const error = await failure({ certificate: good, ...refusal }, false)
    expect(error).toMatchObject({ code: 'tls-failed' })
    expect(error.message).toMatch(/speaks TLS, and was spoken to without it/)
    expect(error.hint).toMatch(/kafka\.tls|https:\/\/ in registry\.url|sslmode=verify-full/)
  })

  test("a server that wants a client's certificate is told apart from one that is down", async () => {
    const error = await failure({ certificate: good, clientCa: ca }, true)
    expect(error).toMatchObject({ code: 'tls-failed' })
    expect(error.message).toMatch(/certificate required/)
    expect(error.hint).toMatch(/\.cert|sslcert/)
  })
})

/** ErrorResponse: E, int32 length, fields (type, text, 0), 0. */
function refuseWithoutTls(socket: { end(bytes: Buffer): unknown }): void {
  const words = 'no pg_hba.conf entry for host "127.0.0.1", user "me", database "x", no encryption'
  const fields = Buffer.from(`SFATAL\0VFATAL\0C28000\0M${words}\0\0`)
  const head = Buffer.from([0x45, 0, 0, 0, 0])
  head.writeInt32BE(fields.length + 4, 1)
  socket.end(Buffer.concat([head, fields]))
}
