import type { KafkaConfig } from '../../base/config.ts'
import type { Component } from '../component.ts'
import { checkKafka } from './check.ts'
import { identifyKafka } from './inventory.ts'
import { type KafkaPart, parseKafkaPart } from './part.ts'
import { planWipeKafka, wipeKafka } from './wipe.ts'

export { type BackedUpTopics, type BackupTopicsOptions, assembleKafkaPart, backupTopics } from './backup.ts'
export { type DiffOptions, diffKafka, type KafkaSide } from './diff.ts'
export { endOffsetsOf, type FrozenPartition, type FrozenTopics, freezeTopics } from './freeze.ts'
export { type PlanGroupsOptions, planRestoreGroups, type RestoreGroupsOptions, readGroups, restoreGroups } from './groups.ts'
export { type LiveGroupsOptions, type LiveGroupsPlan, planLiveGroups, setLiveGroups } from './live-groups.ts'
export { isMapped, mapOffset, type OffsetMap } from './offset-map.ts'
export { encodeKafkaPart, type GroupSnapshot, type KafkaPart, type KafkaPartJson, kafkaPartSchema, schemaIdsOf } from './part.ts'
export {
  type PlanRestoreOptions,
  planRestoreTopics,
  type RestoredTopics,
  type TopicRestorePlan,
  type RestoreTopicsOptions,
  restoreTopics,
} from './restore.ts'
export { planSecurity, restoreSecurity } from './restore-security.ts'
export { inventorySecurity, type SecurityPart } from './security-inventory.ts'
export { selectTopics, type TopicInfo } from './select-topics.ts'
export { verifyKafka } from './verify.ts'

/** Topics, their records and configurations, and group positions. */
export const kafkaComponent: Component<KafkaConfig, KafkaPart> = {
  name: 'kafka',
  parsePart: parseKafkaPart,
  check: checkKafka,
  identify: identifyKafka,
  planWipe: planWipeKafka,
  wipe: wipeKafka,
}
