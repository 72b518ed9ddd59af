import type { Readable, Writable } from 'node:stream'
import type { WireOptions } from '../clients/kafka-wire/wire-connection.ts'
import { WireClient } from '../clients/kafka-wire/wire-client.ts'
import { type Compat, takeCompat, withDefaultRegistry } from './arguments.ts'
import { kafkaSettings, resolveBootstrap } from './kafka-settings.ts'
import { type ProducerCommand, producerCommand } from './producer-arguments.ts'
import { sendLines } from './producer-input.ts'
import { openLineReader } from './producer-reader.ts'
import { openRecordSender, type LostRecords } from './send-records.ts'
import { sendSettings } from './send-settings.ts'
import { thrownText, ToolFailure, UsageFailure } from './tool-failure.ts'

export interface ProducerIo {
  stdin: Readable
  stdout: Pick<Writable, 'write'>
  stderr: Pick<Writable, 'write'>
  env: Readonly<Record<string, string | undefined>>
  /** Aborted by SIGINT or SIGTERM, whose name is the reason: what was read is still sent. */
  signal: AbortSignal
}

/** The version of Kafka whose tool this one stands in for. */
const version = '3.6.2'

/** `kafka-avro-console-producer` of Confluent 7.6: reads lines, sends records, gives the exit code. What differs stands in docs/avro-console.md. */
export async function runAvroProducer(args: readonly string[], io: ProducerIo): Promise<number> {
  try {
    const { compat, args: words } = takeCompat(args, io.env)
    const command = await producerCommand(withDefaultRegistry(words), compat)
    if (command === 'version') {
      io.stdout.write(`${version}\n`)
      return 0
    }
    if (command === 'help') return await usage(io, (await import('./producer-help.ts')).producerPurpose)
    return await produce(command, io, compat)
  } catch (error) {
    if (error instanceof UsageFailure) return usage(io, error.message)
    if (io.signal.aborted && !(error instanceof ToolFailure)) return exitCodeOf(io.signal)
    if (!(error instanceof ToolFailure)) throw error
    io.stderr.write(`${error.message}\n${error.hint === undefined ? '' : `hint: ${error.hint}\n`}`)
    return 1
  }
}

async function usage(io: ProducerIo, message: string): Promise<number> {
  const { producerHelp } = await import('./producer-help.ts')
  io.stderr.write(`${message}\n${producerHelp}`)
  return 1
}

async function produce(command: ProducerCommand, io: ProducerIo, compat: Compat): Promise<number> {
  const { topic, sync } = command
  const settings = sendSettings(command.producer, compat)
  const kafka = await kafkaSettings(command.producer, 'console-producer').catch(asProducer)
  const wire: WireOptions = { ...kafka }
  // Closed only at the end: after a signal, what was read is still sent.
  const ending = new AbortController()
  await using client = new WireClient(kafka.bootstrapServers, wire, ending.signal)
  await resolveBootstrap(kafka).catch(asProducer)
  await using reader = await openLineReader({ topic, properties: command.reader, compat, io })
  let lost = 0
  let failure: ToolFailure | undefined
  const sender = openRecordSender({
    client,
    topic,
    settings,
    sync: sync && (compat === 'strict' ? 'lingering' : 'at once'),
    lost: (records) => {
      lost += records.count
      if (sync) failure ??= synchronousFailure(records)
      else io.stderr.write(lossText(topic, records))
    },
  })
  try {
    // The Java tool goes on after a record that it could not send, and says that all is well.
    await sendLines({ io, reader, send: sender.send, stopped: () => failure !== undefined || (lost > 0 && compat === 'safe') })
  } finally {
    await sender.flush()
    ending.abort()
  }
  if (failure !== undefined) throw failure
  if (lost > 0 && compat === 'safe') {
    io.stderr.write(`${lost} ${lost === 1 ? 'record was' : 'records were'} not sent\n`)
    return 1
  }
  return io.signal.aborted ? exitCodeOf(io.signal) : 0
}

const exitCodeOf = (signal: AbortSignal) => (signal.reason === 'SIGTERM' ? 143 : 130)

function synchronousFailure({ why, hint }: LostRecords): ToolFailure {
  const chain = [{ type: 'java.util.concurrent.ExecutionException', message: thrownText(why) }, why]
  return new ToolFailure('broker', chain, hint === undefined ? {} : { hint })
}

/** The entry that the Java tool writes to its log. */
function lossText(topic: string, { count, keyLength, valueLength, why, hint }: LostRecords): string {
  const size = (length: number) => (length < 0 ? 'null' : `${length} bytes`)
  const others = count > 1 ? `(and for ${count - 1} more of the same batch)\n` : ''
  const callback = '(org.apache.kafka.clients.producer.internals.ErrorLoggingCallback)'
  const more = hint === undefined ? others : `${others}hint: ${hint}\n`
  return `ERROR Error when sending message to topic ${topic} with key: ${size(keyLength)}, value: ${size(valueLength)} with error: ${callback}\n${thrownText(why)}\n${more}`
}

/** The settings are the consumer's too; its name is in Java's message. */
function asProducer(error: unknown): never {
  if (!(error instanceof ToolFailure)) throw error
  const chain = error.chain.map(({ type, message }) => ({ type, message: message?.replace('construct kafka consumer', 'construct kafka producer') }))
  throw new ToolFailure(error.kind, chain, { cause: error, ...(error.hint === undefined ? {} : { hint: error.hint }) })
}
