import type { DatapipeConfig } from '../base/config.ts'

/** Every secret of a configuration, in each form in which it could come back in a message: as it is, URL-encoded, as basic auth. */
export function configSecrets(config: DatapipeConfig): string[] {
  const { postgres, kafka, registry, connect } = config
  const pairs: { username: string | undefined; password: string | undefined }[] = [
    { username: registry?.username, password: registry?.password },
    { username: connect?.username, password: connect?.password },
    { username: kafka?.sasl?.username, password: kafka?.sasl?.password },
    ...[kafka, registry, connect].map((section) => ({ username: undefined, password: section?.tls?.key })),
    ...[postgres?.url, registry?.url, connect?.url].map(userInfo),
  ]
  return pairs.flatMap(({ username, password }) => {
    if (password === undefined || password === '') return []
    return [password, encodeURIComponent(password), Buffer.from(`${username ?? ''}:${password}`, 'utf8').toString('base64')]
  })
}

function userInfo(url: string | undefined): { username: string | undefined; password: string | undefined } {
  if (url === undefined || !URL.canParse(url)) return { username: undefined, password: undefined }
  const { username, password, searchParams } = new URL(url)
  return { username: decode(username), password: decode(password) || (searchParams.get('password') ?? undefined) }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // A lone percent sign: drivers take such a password as it stands, and so do we.
    return text
  }
}
