export type DebianRelease = 'trixie' | 'bookworm'

/** Where the official images read packages from; the keyring's name changed with trixie. */
export function debianSources(release: DebianRelease): string {
  const keyring = `/usr/share/keyrings/debian-archive-keyring.${release === 'bookworm' ? 'gpg' : 'pgp'}`
  const source = (uri: string, suites: string) =>
    ['Types: deb', `URIs: ${uri}`, `Suites: ${suites}`, 'Components: main', `Signed-By: ${keyring}`, ''].join('\n')
  return [
    source('http://deb.debian.org/debian', `${release} ${release}-updates`),
    source('http://deb.debian.org/debian-security', `${release}-security`),
  ].join('\n')
}

/**
 * The mirror of Debian that this host installs from, out of the text of its sources (both notations): the first URI that ends in
 * `/debian`. The official one when the host has none.
 */
export function debianMirror(sources: string): string {
  const lines = sources.split('\n').filter((line) => !line.trim().startsWith('#'))
  const uris = lines.flatMap((line) => line.match(/\bhttps?:\/\/[^\s\]]+/g) ?? [])
  return uris.map((uri) => uri.replace(/\/$/, '')).find((uri) => uri.endsWith('/debian')) ?? 'http://deb.debian.org/debian'
}
