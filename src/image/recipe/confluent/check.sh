#!/bin/sh
# Run at the end of the confluent target's build: every tool that a backup by hand needs is there and starts, or there is no image.
failed=0
for tool in kafka-console-consumer kafka-console-producer kafka-topics kafka-consumer-groups kafka-avro-console-consumer kafka-avro-console-producer \
  psql pg_dump pg_restore pg_basebackup pg_receivewal pg_verifybackup pg_waldump curl jq; do
  if ! said=$("$tool" --version 2>&1); then
    echo "$tool does not start: $said" >&2
    failed=1
  fi
done
exit $failed
