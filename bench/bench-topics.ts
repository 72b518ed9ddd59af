/** One topic of the bench, in the full size. */
export interface BenchTopic {
  name: string
  /** What it stands for, in the results. */
  title: string
  partitions: number
  records: number
  recordBytes: number
  configs: Record<string, string>
  /** Settings of the Java producer that fills it. */
  producer: Record<string, string>
}

/** Deleted logs go at once: one topic is restored many times, and the disk is not endless. */
const gone = { 'file.delete.delay.ms': '1000' }

/** The topics of the bench, `scale` times the full number of records. */
export function benchTopics(scale: number): BenchTopic[] {
  const scaled = (records: number) => Math.max(1, Math.round(records * scale))
  return [
    { name: 'bench-1k', title: '1 KiB records', partitions: 4, records: scaled(1_000_000), recordBytes: 1024, configs: gone, producer: {} },
    { name: 'bench-100b', title: '100 B records', partitions: 4, records: scaled(5_000_000), recordBytes: 100, configs: gone, producer: {} },
    {
      name: 'bench-lz4',
      title: '1 KiB records, lz4 by the producer',
      partitions: 4,
      records: scaled(1_000_000),
      recordBytes: 1024,
      configs: gone,
      producer: { 'compression.type': 'lz4' },
    },
    {
      name: 'bench-200p',
      title: '200 partitions of 5 MB, 1 KiB records',
      partitions: 200,
      records: 200 * scaled(5000),
      recordBytes: 1000,
      configs: gone,
      producer: {},
    },
    {
      name: 'bench-1m',
      title: '1 MiB records',
      partitions: 4,
      records: scaled(1000),
      recordBytes: 1 << 20,
      configs: { ...gone, 'max.message.bytes': '2097152' },
      producer: { 'max.request.size': '2097152', 'batch.size': '16384' },
    },
    {
      name: 'bench-single',
      title: '200 B records in batches of one',
      partitions: 4,
      records: scaled(1_000_000),
      recordBytes: 200,
      configs: gone,
      producer: { 'batch.size': '0', 'linger.ms': '0' },
    },
  ]
}

/** A topic that grows: its peak memory must not. `gigabytes` is its size by now. */
export function growingTopic(gigabytes: number): BenchTopic {
  return {
    name: 'bench-growing',
    title: `1 KiB records, ${gigabytes} GB`,
    partitions: 4,
    records: gigabytes * 1_000_000,
    recordBytes: 1000,
    configs: gone,
    producer: {},
  }
}
