import { expect, test } from 'vitest'
import { configSecrets } from './config-secrets.ts'
import { createRedactor } from './redact.ts'

const config = {
  repository: { url: 'file:///r' },
  postgres: { url: 'postgres://u:p%40ss-word@h/d', archive: { mode: 'receive' as const, slot: 's' } },
  registry: { url: 'http://r', username: 'admin', password: 'reg+istry/secret' },
}

function redactor() {
  const made = createRedactor()
  made.add(configSecrets(config))
  return made
}

test.each([
  ['as it is', 'password authentication failed: p@ss-word'],
  ['URL-encoded', 'cannot connect to postgres://u:p%40ss-word@h/d'],
  ['with special characters of patterns', 'got reg+istry/secret back'],
  ['as basic auth', `authorization: Basic ${Buffer.from('admin:reg+istry/secret').toString('base64')}`],
  ['URL-encoded, with a plus', 'reg%2Bistry%2Fsecret'],
])('a secret %s is not shown', (_how, text) => {
  const shown = redactor().text(text)
  expect(shown).toContain('***')
  for (const secret of configSecrets(config)) expect(shown).not.toContain(secret)
})

test('strings deep inside values are redacted, keys and numbers stay', () => {
  const value = { 'reg+istry/secret': [{ message: 'x p@ss-word y', count: 5, big: 7n }], at: new Date(0) }
  expect(redactor().value(value)).toEqual({ 'reg+istry/secret': [{ message: 'x *** y', count: 5, big: 7n }], at: new Date(0) })
})

test('the password of any URL is hidden, known or not', () => {
  expect(createRedactor().text('see http://admin:unknown@host/path and postgres://me@host')).toBe(
    'see http://admin:***@host/path and postgres://me@host',
  )
})

test('a short secret is replaced where it stands alone, not inside words', () => {
  const made = createRedactor()
  made.add(['1'])
  expect(made.text('pw=1, 10 of 21 records')).toBe('pw=***, 10 of 21 records')
})

test('a password that is the name of a component does not break output, but stays hidden in a URL', () => {
  const made = createRedactor()
  made.add(['postgres'])
  expect(made.text('postgres: cannot connect to postgres://postgres:postgres@h/d')).toBe('postgres: cannot connect to postgres://postgres:***@h/d')
})

test('every line of a secret of several lines is hidden', () => {
  const made = createRedactor()
  made.add(['-----BEGIN KEY-----\nMIIabcdef\n-----END KEY-----'])
  expect(made.text('bad base64: MIIabcdef')).toBe('bad base64: ***')
})
