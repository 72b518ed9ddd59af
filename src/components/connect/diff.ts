import type { Finding } from '../../base/finding.ts'
import { stringifyJson } from '../../base/lossless-json.ts'
import type { ConnectInventory } from './inventory.ts'
import type { StoredConnector } from './part.ts'

export interface ConnectDiffLabels {
  a: string
  b: string
}

/** Connectors, configurations (key by key), offsets and target states. Secrets that neither side shows are not compared. */
export function diffConnect(a: ConnectInventory, b: ConnectInventory, labels: ConnectDiffLabels = { a: 'a', b: 'b' }): Finding[] {
  const findings: Finding[] = []
  const add = (severity: Finding['severity'], code: string, item: string, message: string) =>
    findings.push({ severity, code, component: 'connect', item, message })
  const right = new Map(b.connectors.map((connector) => [connector.name, connector]))
  for (const left of a.connectors) {
    const other = right.get(left.name)
    right.delete(left.name)
    if (other === undefined) {
      add('harm', 'connector-missing', left.name, `is in ${labels.a} only`)
      continue
    }
    const pair = (l: string, r: string) => `${labels.a} has ${l}, ${labels.b} has ${r}`
    for (const key of [...new Set([...Object.keys(left.config), ...Object.keys(other.config)])].sort()) {
      const [l, r] = [left.config[key], other.config[key]]
      if (l !== r) add('harm', 'connector-config-differs', `${left.name}/${key}`, pair(l ?? 'no such key', r ?? 'no such key'))
    }
    const [leftOffsets, rightOffsets] = [offsetsByPartition(left), offsetsByPartition(other)]
    for (const partition of [...new Set([...leftOffsets.keys(), ...rightOffsets.keys()])].sort()) {
      const [l, r] = [leftOffsets.get(partition), rightOffsets.get(partition)]
      if (l !== r) add('harm', 'connector-offset-differs', `${left.name}/${partition}`, pair(l ?? 'no offset', r ?? 'no offset'))
    }
    if (left.state !== other.state) add('warning', 'connector-state-differs', left.name, pair(left.state, other.state))
  }
  for (const name of right.keys()) add('harm', 'connector-missing', name, `is in ${labels.b} only`)
  return findings
}

function offsetsByPartition(connector: StoredConnector): Map<string, string> {
  return new Map(connector.offsets.map(({ partition, offset }) => [canonicalJson(partition), canonicalJson(offset)]))
}

/** JSON with attributes in order of name and every digit of its integers: equal values are equal texts. */
export function canonicalJson(value: unknown): string {
  const sorted = (item: unknown): unknown => {
    if (Array.isArray(item)) return item.map(sorted)
    if (item === null || typeof item !== 'object') return item
    return Object.fromEntries(
      Object.entries(item)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, inner]) => [key, sorted(inner)]),
    )
  }
  return stringifyJson(sorted(value))
}
