/** What a Java client of a secure Kafka is told: SASL_SSL, SCRAM-SHA-512, a PEM trust store. For workers, registries and Kafka's own tools. */
export function kafkaClientProperties({ ca, username, password }: { ca: string; username: string; password: string }): Record<string, string> {
  return {
    'security.protocol': 'SASL_SSL',
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': ca,
    'sasl.mechanism': 'SCRAM-SHA-512',
    'sasl.jaas.config': `org.apache.kafka.common.security.scram.ScramLoginModule required username="${quoted(username)}" password="${quoted(password)}";`,
  }
}

/** Inside the quotes of a JAAS option a backslash escapes. */
function quoted(text: string): string {
  return text.replace(/[\\"]/g, '\\$&')
}
