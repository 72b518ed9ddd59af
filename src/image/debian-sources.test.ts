import { expect, test } from 'vitest'
import { debianMirror, debianSources } from './debian-sources.ts'

test('takes the mirror of either notation, and not another repository beside it', () => {
  const old =
    '# deb http://commented.example/debian trixie main\ndeb https://packages.example/apt x main\ndeb [signed-by=/k] http://mirror.example/debian/ trixie main'
  expect(debianMirror(old)).toBe('http://mirror.example/debian')
  expect(debianMirror('Types: deb\nURIs: https://mirror.example/pub/debian\nSuites: trixie\n')).toBe('https://mirror.example/pub/debian')
})

test('a host without Debian sources gets the official mirror', () => {
  expect(debianMirror('deb http://archive.ubuntu.com/ubuntu noble main')).toBe('http://deb.debian.org/debian')
})

test('each release names the keyring that it carries', () => {
  expect(debianSources('bookworm')).toContain('Suites: bookworm bookworm-updates\n')
  expect(debianSources('bookworm')).toContain('debian-archive-keyring.gpg\n')
  expect(debianSources('trixie')).toContain('debian-archive-keyring.pgp\n')
})
