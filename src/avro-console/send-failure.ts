import { WireFailure, wireCodes } from '../clients/kafka-wire/wire-failure.ts'
import type { Thrown } from './tool-failure.ts'

const errors = 'org.apache.kafka.common.errors'

/** What Java's producer would throw for a batch that the broker refused, or for a broker that does not answer. */
export function sendFailure(error: unknown, topic: string): Thrown {
  if (!(error instanceof WireFailure)) throw error
  switch (error.code) {
    case wireCodes.messageTooLarge:
      return {
        type: `${errors}.RecordTooLargeException`,
        message: 'The request included a message larger than the max message size the server will accept.',
      }
    case wireCodes.unknownTopicOrPartition:
      return { type: `${errors}.UnknownTopicOrPartitionException`, message: 'This server does not host this topic-partition.' }
    case wireCodes.topicAuthorizationFailed:
      return { type: `${errors}.TopicAuthorizationException`, message: `Not authorized to access topics: [${topic}]` }
    case wireCodes.clusterAuthorizationFailed:
      return { type: `${errors}.ClusterAuthorizationException`, message: 'Cluster authorization failed.' }
    case wireCodes.notEnoughReplicas:
      return {
        type: `${errors}.NotEnoughReplicasException`,
        message: 'Messages are rejected since there are fewer in-sync replicas than required.',
      }
    case wireCodes.requestTimedOut:
      return { type: `${errors}.TimeoutException`, message: 'The request timed out.' }
    case wireCodes.saslAuthenticationFailed:
      return { type: `${errors}.SaslAuthenticationException`, message: error.message }
    default:
      return { type: `${errors}.${kindName(error)}`, message: error.message }
  }
}

function kindName({ kind }: WireFailure): string {
  switch (kind) {
    case 'unreachable':
      return 'TimeoutException'
    case 'unauthorized':
      return 'AuthenticationException'
    case 'not-supported':
      return 'UnsupportedVersionException'
    case 'broker':
      return 'ApiException'
  }
}

/** A record that cannot be sent. */
export function thrown(name: string, message: string): Thrown {
  return { type: `${errors}.${name}`, message }
}
