import type { Finding } from '../../base/finding.ts'
import type { ArtifactReader } from '../../repository/artifact.ts'
import { type ConnectPart, readStoredConnectors } from './part.ts'
import { placeholderKeys, plainSecretKeys } from './secrets.ts'

/** Is the stored part whole, does it fit its summary, and is it free of secrets? Reads the backup only. */
export async function verifyConnect(options: { part: ConnectPart; reader: ArtifactReader }): Promise<Finding[]> {
  const { part, reader } = options
  const findings: Finding[] = []
  const add = (severity: Finding['severity'], code: string, item: string, message: string, next?: string) =>
    findings.push({ severity, code, component: 'connect', item, message, ...(next === undefined ? {} : { next }) })
  const stored = new Map((await readStoredConnectors(part, reader)).map((connector) => [connector.name, connector]))
  for (const listed of part.connectors) {
    const connector = stored.get(listed.name)
    stored.delete(listed.name)
    if (connector === undefined) {
      add('harm', 'connector-missing', listed.name, 'is in the manifest, not in connectors.json')
      continue
    }
    if (placeholderKeys(connector.config).join() !== listed.secrets.join())
      add('harm', 'connector-config-differs', listed.name, 'other secrets are left out in connectors.json than the manifest says')
    for (const key of plainSecretKeys(connector.config, new Set()))
      add('harm', 'secret-in-backup', `${listed.name}/${key}`, 'a secret is stored in clear', 'change it, and remove this backup')
    if (connector.offsets.length === 0)
      add('note', 'connector-without-offset', listed.name, 'had no offset when the backup was taken: it starts from nothing')
    if (listed.secrets.length > 0) add('note', 'secret-to-supply', listed.name, `needs ${listed.secrets.join(', ')} at a restore`)
    if (!part.plugins.some((plugin) => plugin.class === listed.class))
      add('warning', 'plugin-unknown', listed.name, `its class ${listed.class} was not among the worker's plugins`)
  }
  for (const name of stored.keys()) add('harm', 'connector-missing', name, 'is in connectors.json, not in the manifest')
  return findings
}
