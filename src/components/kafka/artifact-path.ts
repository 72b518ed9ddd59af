/**
 * Where the batches of a partition from `baseOffset` on are stored, below the component's directory. The topic name is percent-encoded,
 * so that it is one safe path segment whatever it holds; a leading dot too.
 */
export function batchesPath(topic: string, partition: number, baseOffset: bigint): string {
  return `topics/${encodeTopic(topic)}/${partition}/${baseOffset.toString().padStart(20, '0')}.batches`
}

/** A topic name as one path segment. */
export function encodeTopic(topic: string): string {
  return encodeURIComponent(topic).replace(/^\./, '%2E').replaceAll('*', '%2A')
}
