/**
 * Where the batches of a partition are stored, below the component's directory, ending with a slash. The topic name is percent-encoded, so
 * that it is one safe path segment whatever it holds; a leading dot too. Rounds after the first are for a partition whose files of an
 * interrupted run cannot be gone on with (topic made anew): nothing stored is ever overwritten.
 */
export function partitionDirectory(topic: string, partition: number, round = 1): string {
  return `topics/${encodeTopic(topic)}/${partition}${round === 1 ? '' : `.${round}`}/`
}

/** File name of the artifact whose first batch has this base offset. */
export function batchesFile(baseOffset: bigint): string {
  return `${baseOffset.toString().padStart(20, '0')}.batches`
}

/** A topic name as one path segment. */
export function encodeTopic(topic: string): string {
  return encodeURIComponent(topic).replace(/^\./, '%2E').replaceAll('*', '%2A')
}
