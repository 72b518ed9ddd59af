import { describe, expect, test } from 'vitest'
import { producerCommand } from './producer-arguments.ts'
import { sendSettings } from './send-settings.ts'

/** The producer's properties for a command line, in one manner. */
async function properties(compat: 'safe' | 'strict', ...args: string[]): Promise<ReadonlyMap<string, string>> {
  const command = await producerCommand(['--bootstrap-server', 'kafka:9092', '--topic', 'orders', ...args], compat)
  if (typeof command === 'string') throw new Error(command)
  return command.producer
}

describe('strict: what the Java tool sets over the head of its user', () => {
  const gzip = ['--producer-property', 'compression.type=gzip']

  test('compression given as a property is overwritten, the option for it is not', async () => {
    expect((await properties('safe', ...gzip)).get('compression.type')).toBe('gzip')
    expect((await properties('strict', ...gzip)).get('compression.type')).toBe('none')
    expect((await properties('strict', ...gzip, '--compression-codec', 'lz4')).get('compression.type')).toBe('lz4')
  })

  test('a batch is sent again three times, and a request may take a second and a half, unless something else is said', async () => {
    expect(sendSettings(await properties('strict'), 'strict')).toMatchObject({ retries: 3, requestTimeoutMs: 1500 })
    const said = ['--message-send-max-retries', '7', '--producer-property', 'request.timeout.ms=9000']
    expect(sendSettings(await properties('strict', ...said), 'strict')).toMatchObject({ retries: 7, requestTimeoutMs: 9000 })
    expect(sendSettings(await properties('safe'), 'safe')).toMatchObject({ retries: Number.MAX_SAFE_INTEGER, requestTimeoutMs: 30_000 })
  })

  test('with acks=0 nobody hears of a lost batch', async () => {
    const acks = ['--request-required-acks', '0']
    expect(sendSettings(await properties('strict', ...acks), 'strict')).toMatchObject({ acks: 1, unheard: true })
    expect(sendSettings(await properties('safe', ...acks), 'safe')).toMatchObject({ acks: 1, unheard: false })
    expect(sendSettings(await properties('strict'), 'strict')).toMatchObject({ acks: -1, unheard: false })
  })
})
