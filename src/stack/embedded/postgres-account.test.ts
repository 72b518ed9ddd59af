import { expect, test } from 'vitest'
import { chooseAccount } from './postgres-account.ts'

const passwd = 'root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n'

test('root runs PostgreSQL as postgres where that user exists', () => {
  expect(chooseAccount(`${passwd}postgres:x:101:104:,,,:/var/lib/postgresql:/bin/bash\n`)).toEqual({ name: 'postgres', uid: 101, gid: 104 })
})

test('root runs PostgreSQL as nobody where it does not', () => {
  expect(chooseAccount(passwd)).toEqual({ name: 'nobody', uid: 65534, gid: 65534 })
})

test('refuses to go on as root with neither', () => {
  expect(() => chooseAccount('root:x:0:0::/root:/bin/sh\n')).toThrow(/refuses to run as root/)
})
