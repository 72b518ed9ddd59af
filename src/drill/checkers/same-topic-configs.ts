import type { ObservedTopicConfig } from '../observers/observation.ts'
import { type CheckResult, check, FindingList } from './check-result.ts'
import { compareMaps } from './same-definitions.ts'

/** Same partition counts, replication factors and settings of every topic. Topics that are only there afterwards are not looked at. */
export function sameTopicConfigs(before: ObservedTopicConfig[], after: ObservedTopicConfig[]): CheckResult {
  return check('same-topic-configs', 'kafka', () => {
    const list = new FindingList('kafka', 'datapipe diff BACKUP; kafka-configs.sh --alter puts a setting right')
    let settings = 0
    for (const topic of before) {
      settings += Object.keys(topic.configs).length
      const now = after.find((one) => one.topic === topic.topic)
      if (now === undefined) {
        list.harm('topic-missing', topic.topic, 'the topic is not there')
        continue
      }
      if (now.partitions !== topic.partitions)
        list.harm('partition-count-differs', topic.topic, `had ${topic.partitions} partitions, has ${now.partitions}`)
      if (now.replicationFactor !== topic.replicationFactor)
        list.harm('replication-differs', topic.topic, `had replication factor ${topic.replicationFactor}, has ${now.replicationFactor}`)
      compareMaps(topic.configs, now.configs, 'topic-config', list, `${topic.topic}: `)
    }
    return { counts: { topics: before.length, settings }, findings: list.findings, compared: before.length }
  })
}
