import type { ConnectConfig } from '../../base/config.ts'
import type { Component } from '../component.ts'
import { checkConnect, identifyConnect } from './check.ts'
import { type ConnectPart, parseConnectPart } from './part.ts'
import { planWipeConnect, wipeConnect } from './wipe.ts'

export { type BackupConnectOptions, backupConnect } from './backup.ts'
export { type ClearSecret, type ConfigRecord, clearSecretsIn } from './config-records.ts'
export { pauseConnectors, readOffsets, resumeConnectors, stopConnectors } from './control.ts'
export { capturesRelation, databaseOf, isDebeziumPostgres, offsetPartitionOf, publicationNameOf, slotNameOf, topicPrefixOf } from './debezium.ts'
export { diffConnect } from './diff.ts'
export { type ConnectInventory, type ConnectorState, connectorStates, inventoryConnect, storedInventory } from './inventory.ts'
export { type KeptRecord, keepStoppedRecords } from './keep-stopped.ts'
export { type ConnectPart, connectPartSchema, readStoredConnectors, type StoredConnector, type TargetState } from './part.ts'
export { type CreateStoppedOptions, createStopped, planRestoreConnect, writeOffset } from './restore.ts'
export { verifyConnect } from './verify.ts'

export const connectComponent: Component<ConnectConfig, ConnectPart> = {
  name: 'connect',
  parsePart: parseConnectPart,
  check: checkConnect,
  identify: identifyConnect,
  planWipe: planWipeConnect,
  wipe: wipeConnect,
}
