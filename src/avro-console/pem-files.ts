import { ToolFailure, unsupportedSetting } from './tool-failure.ts'

/** Certificates and key as PEM texts; the system's own CAs count when `ca` is left out. */
export interface PemFiles {
  ca?: string
  cert?: string
  key?: string
  passphrase?: string
}

export interface PemSources {
  trustLocation: string | undefined
  trustCertificates: string | undefined
  /** Certificate chain and private key in one file. */
  keyLocation: string | undefined
  keyCertificates: string | undefined
  key: string | undefined
  passphrase: string | undefined
}

/** Reads PEM stores. A file that cannot be read, or holds no PEM block, is an error that names it. */
export async function loadPem(sources: PemSources): Promise<PemFiles> {
  const files: PemFiles = {}
  const ca = sources.trustCertificates ?? (sources.trustLocation === undefined ? undefined : await readPem(sources.trustLocation))
  if (ca !== undefined) files.ca = ca
  const chain = sources.keyLocation === undefined ? sources.keyCertificates : await readPem(sources.keyLocation)
  const key = sources.keyLocation === undefined ? sources.key : chain
  if (chain !== undefined) files.cert = chain
  if (key !== undefined) files.key = key
  if (sources.passphrase !== undefined) files.passphrase = sources.passphrase
  return files
}

async function readPem(path: string): Promise<string> {
  const { readFile } = await import('node:fs/promises')
  let text: string
  try {
    text = await readFile(path, 'latin1')
  } catch (cause) {
    const message = `Failed to load PEM SSL keystore ${path}: ${(cause as NodeJS.ErrnoException).code ?? 'unreadable'}`
    throw new ToolFailure('start', { type: 'org.apache.kafka.common.errors.InvalidConfigurationException', message }, { cause })
  }
  if (!/-----BEGIN [A-Z0-9 ]+-----/.test(text)) throw notPem(path)
  return text
}

/**
 * A store whose type is not PEM. One that holds PEM all the same is taken, whatever the type says: then the property was forgotten, and nothing
 * else could be meant. JKS and PKCS12 are refused with the line that converts them.
 */
export async function refuseStore(store: { name: string; location: string; type: string | undefined }): Promise<void> {
  const { readFile } = await import('node:fs/promises')
  const head = await readFile(store.location, 'latin1').then(
    (text) => text.slice(0, 4096),
    () => undefined,
  )
  if (head === undefined || /-----BEGIN [A-Z0-9 ]+-----/.test(head)) return
  throw unsupportedSetting(`${store.name}.type`, store.type ?? 'JKS', conversion(store.location, store.name.endsWith('truststore')))
}

function conversion(location: string, trust: boolean): string {
  const how = trust
    ? `keytool -exportcert -rfc -keystore ${location} -alias ALIAS > ca.pem`
    : `keytool -importkeystore -srckeystore ${location} -deststoretype PKCS12 -destkeystore k.p12 && openssl pkcs12 -in k.p12 -out key.pem`
  return `convert it: ${how}; then say type=PEM and location=${trust ? 'ca' : 'key'}.pem`
}

function notPem(path: string): ToolFailure {
  const message = `${path} holds no PEM block`
  return new ToolFailure('start', { type: 'org.apache.kafka.common.errors.InvalidConfigurationException', message })
}
