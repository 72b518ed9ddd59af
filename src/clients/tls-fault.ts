import { DatapipeError, describeError } from '../base/errors.ts'
import { type ProbeOptions, probeTls } from './tls-probe.ts'

/** Whom we talk to, and how the configuration names what has to do with TLS, for the hints. */
export interface TlsPeer extends Omit<ProbeOptions, 'timeoutMs'> {
  /** `schema registry at https://…` */
  who: string
  /** The error's path. */
  path: string
  /** Whether we speak TLS. */
  tls: boolean
  settings: {
    /** What makes us speak TLS: `kafka.tls`. */
    on: string
    /** `kafka.tls.ca` */
    ca: string
    /** `kafka.tls.cert and kafka.tls.key` */
    client: string
  }
}

const untrusted =
  /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT|UNABLE_TO_GET_ISSUER_CERT_LOCALLY|CERT_UNTRUSTED|CERT_REJECTED|CERT_SIGNATURE_FAILURE|INVALID_CA|INVALID_PURPOSE|CERT_CHAIN_TOO_LONG|PATH_LENGTH_EXCEEDED)$/
const notTls =
  /^(ERR_SSL_WRONG_VERSION_NUMBER|ERR_SSL_PACKET_LENGTH_TOO_LONG|ERR_SSL_UNKNOWN_PROTOCOL|ERR_SSL_HTTP_REQUEST|ERR_SSL_HTTPS_PROXY_REQUEST|ERR_SSL_RECORD_LAYER_FAILURE)$/
/** The same from a write that OpenSSL interrupts: its code is EPROTO for everything. */
const notTlsWords = /:(wrong version number|packet length too long|unknown protocol|http request):/
/** The connection was not even made: TLS has no part in it. */
const notConnected = /^(ECONNREFUSED|ENOTFOUND|EAI_|EHOST|ENET|ETIMEDOUT|ENOENT|EACCES)/

/**
 * What TLS has to do with a failed connection, as `tls-failed`: a certificate that is not trusted, has expired or is for another name; TLS
 * spoken to a port that does not, or the other way round; a client's certificate refused. Undefined when it has nothing to do with it.
 * Decides by error codes; looks once at the port (bounded, harmless) to name the certificate, or to learn whether it speaks TLS.
 */
export async function tlsFault(error: unknown, peer: TlsPeer): Promise<DatapipeError | undefined> {
  const chain = causes(error)
  const codes = chain.map(codeOf).filter((code) => code !== '')
  const fault = (message: string, hint: string, found: (code: string) => boolean = () => true) => {
    const cause = inWords(chain.find((each) => codeOf(each) !== '' && found(codeOf(each))) ?? chain.at(-1))
    return new DatapipeError('tls-failed', `${peer.who} ${message}`, { path: peer.path, hint, cause })
  }
  if (codes.some((code) => notConnected.test(code))) return undefined
  if (!peer.tls) {
    const probe = await probeTls(peer)
    return probe && fault('speaks TLS, and was spoken to without it', `set ${peer.settings.on}`)
  }
  if (codes.some((code) => /^CERT_HAS_EXPIRED$/.test(code))) {
    const { certificate } = (await probeTls(peer)) ?? {}
    const when = certificate === undefined ? '' : ` (${certificate.subject}, valid until ${certificate.validTo.toISOString()})`
    return fault(
      `shows a certificate that has expired${when}`,
      'renew the certificate of the server, or look at the clock of this machine',
      (code) => code === 'CERT_HAS_EXPIRED',
    )
  }
  if (codes.includes('CERT_NOT_YET_VALID')) return fault('shows a certificate that is not valid yet', 'look at the clocks of both machines')
  if (codes.some((code) => untrusted.test(code))) {
    const { certificate } = (await probeTls(peer)) ?? {}
    const whose = certificate === undefined ? '' : ` (${certificate.subject}, signed by ${certificate.issuer})`
    return fault(
      `shows a certificate that is not trusted${whose}`,
      `put the certificate of the authority that signed it into ${peer.settings.ca}`,
      (code) => untrusted.test(code),
    )
  }
  const mismatch = chain.find((each) => codeOf(each) === 'ERR_TLS_CERT_ALTNAME_INVALID')
  if (mismatch !== undefined) {
    return fault(
      `shows a certificate for another name than ${nameSought(peer)}`,
      'connect by a name that the certificate is for, or have one made for this name',
      (code) => code === 'ERR_TLS_CERT_ALTNAME_INVALID',
    )
  }
  if (codes.some((code) => notTls.test(code)) || chain.some((each) => codeOf(each) === 'EPROTO' && notTlsWords.test(String(each))))
    return fault('does not speak TLS on this port', `name its TLS port, or take ${peer.settings.on} away`)
  const alert = codes.find((code) => /^ERR_SSL_.*ALERT/.test(code))
  if (alert !== undefined) {
    const words = alert
      .replace(/^ERR_SSL_(TLSV1[0-9]*|SSLV3)_/, '')
      .toLowerCase()
      .replaceAll('_', ' ')
    return fault(
      `broke off the TLS handshake: ${words}`,
      `when it asks for a client's certificate: set ${peer.settings.client}`,
      (code) => code === alert,
    )
  }
  if (chain.some((each) => codeOf(each) === 'ECONNRESET' && each instanceof Error && /before secure TLS connection/.test(each.message))) {
    if ((await probeTls(peer)) !== undefined) return undefined
    return fault('closed the connection in the TLS handshake', `look whether it speaks TLS on this port; if not, take ${peer.settings.on} away`)
  }
  const other = chain.find((each) => /^(ERR_SSL_|ERR_TLS_|EPROTO$|ERR_OSSL_)/.test(codeOf(each)))
  if (other === undefined) return undefined
  return fault(`and this machine could not agree on TLS: ${describeError(other)}`, `look at ${peer.settings.ca} and ${peer.settings.client}`)
}

/** The error, and what caused it, outermost first. */
function causes(error: unknown): unknown[] {
  const chain: unknown[] = []
  for (let current: unknown = error; current !== undefined && current !== null && chain.length < 8; ) {
    chain.push(current)
    current = current instanceof AggregateError ? current.errors[0] : current instanceof Error ? current.cause : undefined
  }
  return chain
}

const nameSought = ({ host, servername }: TlsPeer) => servername ?? host

/** An error of Node's or OpenSSL's without what is noise here: file and line of OpenSSL's source, advice about Node's options, a driver's wrapping. */
function inWords(error: unknown): Error {
  const message = error instanceof Error ? error.message : String(error)
  const openssl = /SSL routines:[^:]*:([^:]+):/.exec(message)?.[1]
  return Object.assign(new Error(openssl ?? message.split(';')[0] ?? message), { code: codeOf(error) })
}

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : ''
}
