import { lookup } from 'node:dns/promises'
import type { ConnectorConfig } from '../../clients/connect.ts'

export interface ServerAddress {
  host: string
  port: number
}

/**
 * Do `database.hostname` and `database.port` of a connector lead to this server, by name or by an address that both names have as seen from
 * here? A loopback address only does so where the workers are on this machine, too: elsewhere it is another machine's own.
 */
export async function leadsTo(config: ConnectorConfig, server: ServerAddress, workersUrl: string): Promise<boolean> {
  const host = config['database.hostname']?.toLowerCase()
  if (host === undefined || host.includes('${') || Number(config['database.port'] ?? 5432) !== server.port) return false
  const [addresses, others] = await Promise.all([addressesOf(host), addressesOf(server.host.toLowerCase())])
  const shared = addresses.filter((address) => others.includes(address))
  const outside = shared.filter((address) => !isLoopback(address))
  if (outside.length > 0) return true
  return shared.length > 0 && (await addressesOf(new URL(workersUrl).hostname.toLowerCase())).some(isLoopback)
}

/** The name itself counts as one: two names that are the same lead to one place, also where nobody here can resolve them. */
async function addressesOf(host: string): Promise<string[]> {
  const name = host.replace(/^\[|\]$/g, '')
  if (name.startsWith('/')) return [name]
  try {
    const found = await lookup(name, { all: true })
    return [...(isLocalName(name) ? [] : [name]), ...found.map(({ address }) => address)]
  } catch {
    // Not known here: a name inside the workers' network, say.
    return [name]
  }
}

const isLocalName = (name: string) => name === 'localhost' || name.endsWith('.localhost')

function isLoopback(address: string): boolean {
  return /^127\.|^::1$|^::ffff:127\./.test(address) || isLocalName(address)
}
