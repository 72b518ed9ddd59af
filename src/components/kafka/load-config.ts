/**
 * What a topic is configured with while it is loaded: nothing deletes or compacts (without limits the `delete` policy does nothing, and the
 * cleaner leaves such topics alone), old and future timestamps are taken as they are, batches are neither refused nor recompressed.
 */
export const loadConfig: Readonly<Record<string, string>> = {
  'cleanup.policy': 'delete',
  'retention.ms': '-1',
  'retention.bytes': '-1',
  'message.timestamp.type': 'CreateTime',
  'message.timestamp.before.max.ms': '9223372036854775807',
  'message.timestamp.after.max.ms': '9223372036854775807',
  'max.message.bytes': '104857600',
  'compression.type': 'producer',
}

/** The configuration to create a topic with: its own, as far as the load does not need another value. */
export function whileLoading(own: Record<string, string>): Record<string, string> {
  return { ...own, ...loadConfig }
}

/** What has to be set and removed so that a topic that has `now` ends up with exactly `wanted`. */
export function configChanges(now: Record<string, string>, wanted: Record<string, string>): { set: Record<string, string>; remove: string[] } {
  const set = Object.fromEntries(Object.entries(wanted).filter(([name, value]) => now[name] !== value))
  return { set, remove: Object.keys(now).filter((name) => wanted[name] === undefined) }
}
