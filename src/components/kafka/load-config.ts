/** Every setting of a broker that says how far a record's timestamp may lie from now: two since Kafka 3.6 (KIP-937), one before. */
const oldTimestampLimit = 'message.timestamp.difference.max.ms'
const timestampLimits = ['message.timestamp.before.max.ms', 'message.timestamp.after.max.ms']

/**
 * What a topic is configured with while it is loaded: nothing deletes or compacts (without limits the `delete` policy does nothing, and the
 * cleaner leaves such topics alone), old and future timestamps are taken as they are, batches are neither refused nor recompressed.
 * `brokerSettings`: the settings that the broker has, by name, so that only what it knows is asked of it; undefined when it does not tell.
 */
export function loadConfig(brokerSettings: Pick<ReadonlySet<string>, 'has'> | undefined): Record<string, string> {
  const isOld = brokerSettings !== undefined && !timestampLimits.every((name) => brokerSettings.has(`log.${name}`))
  const limits = isOld ? [oldTimestampLimit] : timestampLimits
  return {
    'cleanup.policy': 'delete',
    'retention.ms': '-1',
    'retention.bytes': '-1',
    'message.timestamp.type': 'CreateTime',
    ...Object.fromEntries(limits.map((name) => [name, '9223372036854775807'])),
    'max.message.bytes': '104857600',
    'compression.type': 'producer',
  }
}

/** What has to be set and removed so that a topic that has `now` ends up with exactly `wanted`. */
export function configChanges(now: Record<string, string>, wanted: Record<string, string>): { set: Record<string, string>; remove: string[] } {
  const set = Object.fromEntries(Object.entries(wanted).filter(([name, value]) => now[name] !== value))
  return { set, remove: Object.keys(now).filter((name) => wanted[name] === undefined) }
}
