import { readFile } from 'node:fs/promises'
import { DatapipeError } from '../../base/errors.ts'

export interface Account {
  name: string
  uid: number
  gid: number
}

/** The account that PostgreSQL runs under: undefined, our own, unless we are root; then `postgres`, or `nobody` where that is missing. */
export async function postgresAccount(): Promise<Account | undefined> {
  return process.getuid?.() === 0 ? chooseAccount(await readFile('/etc/passwd', 'utf8')) : undefined
}

/** `passwd`: lines of name, password, uid, gid, …, separated by colons (passwd(5)). */
export function chooseAccount(passwd: string): Account {
  for (const wanted of ['postgres', 'nobody']) {
    for (const line of passwd.split('\n')) {
      const [name, , uid, gid] = line.split(':')
      if (name === wanted && uid && gid) return { name, uid: Number(uid), gid: Number(gid) }
    }
  }
  throw new DatapipeError('stack-failed', 'PostgreSQL refuses to run as root, and there is neither a user postgres nor a user nobody', {
    hint: 'run as another user',
  })
}
