export interface KeptRecord {
  key: string
  value: string
}

/**
 * Records that, appended to a restored `connect-configs` topic while no worker runs, make a connector come up STOPPED without tasks, on no old
 * position. They are what Kafka 4.3's worker writes itself for `PUT /connectors/NAME/stop` (KafkaConfigBackingStore, JSON without schema): first an
 * empty set of tasks, then the target state. `state` is for workers before 3.5, which know no STOPPED; `state.v2` is what counts.
 */
export function keepStoppedRecords(connector: string): KeptRecord[] {
  return [
    { key: `commit-${connector}`, value: '{"tasks":0}' },
    { key: `target-state-${connector}`, value: '{"state":"PAUSED","state.v2":"STOPPED"}' },
  ]
}
