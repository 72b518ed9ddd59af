import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto'
import { WireWriter } from './wire-bytes.ts'
import type { WireApi, WireConnection, WireSasl } from './wire-connection.ts'
import { WireFailure, wireCodes } from './wire-failure.ts'

/** Authenticates a fresh connection: PLAIN (RFC 4616) or SCRAM (RFC 5802, without channel binding). Throws `unauthorized`, never with the password. */
export async function authenticate(connection: WireConnection, handshake: WireApi, exchange: WireApi, sasl: WireSasl): Promise<void> {
  const offered = await connection.request(handshake, new WireWriter().shortString(sasl.mechanism))
  const code = offered.int16()
  if (code !== 0) {
    const mechanisms = offered.longArray(() => offered.shortString()).join(', ')
    const words =
      code === wireCodes.unsupportedSaslMechanism ? `takes ${mechanisms || 'no mechanism'}, not ${sasl.mechanism}` : `refused the handshake (${code})`
    throw new WireFailure('unauthorized', `broker ${connection.address} ${words}`, { code })
  }
  const send = async (bytes: Buffer): Promise<Buffer> => {
    const answer = await connection.request(exchange, new WireWriter().bytes(bytes).tags())
    const refused = answer.int16()
    const words = answer.nullableString()
    if (refused !== 0) {
      throw new WireFailure('unauthorized', `broker ${connection.address} refused the credentials${words ? `: ${words}` : ''}`, { code: refused })
    }
    return answer.nullableBytes() ?? Buffer.alloc(0)
  }
  if (sasl.mechanism === 'PLAIN') await send(Buffer.from(`\0${sasl.username}\0${sasl.password}`, 'utf8'))
  else await scram(send, sasl, connection.address)
}

async function scram(send: (bytes: Buffer) => Promise<Buffer>, sasl: WireSasl, address: string): Promise<void> {
  const digest = sasl.mechanism === 'SCRAM-SHA-256' ? 'sha256' : 'sha512'
  const nonce = randomBytes(24).toString('base64')
  const firstBare = `n=${sasl.username.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${nonce}`
  const first = (await send(Buffer.from(`n,,${firstBare}`, 'utf8'))).toString('utf8')
  const { r: joined = '', s: salt = '', i: rounds = '' } = fields(first)
  const iterations = Number(rounds)
  if (!joined.startsWith(nonce) || !(iterations >= 4096)) throw new WireFailure('unauthorized', `broker ${address} does not speak SCRAM as it should`)
  const salted = pbkdf2Sync(sasl.password, Buffer.from(salt, 'base64'), iterations, digest === 'sha256' ? 32 : 64, digest)
  const clientKey = createHmac(digest, salted).update('Client Key').digest()
  const withoutProof = `c=biws,r=${joined}`
  const text = `${firstBare},${first},${withoutProof}`
  const signature = createHmac(digest, createHash(digest).update(clientKey).digest()).update(text).digest()
  const proof = clientKey.map((byte, at) => byte ^ (signature[at] ?? 0))
  const { v: verifier = '' } = fields(
    (await send(Buffer.from(`${withoutProof},p=${Buffer.from(proof).toString('base64')}`, 'utf8'))).toString('utf8'),
  )
  const expected = createHmac(digest, createHmac(digest, salted).update('Server Key').digest()).update(text).digest()
  const given = Buffer.from(verifier, 'base64')
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    throw new WireFailure('unauthorized', `broker ${address} does not know the password it should know`)
  }
}

function fields(message: string): Record<string, string> {
  return Object.fromEntries(message.split(',').map((part) => [part.slice(0, 1), part.slice(2)]))
}
