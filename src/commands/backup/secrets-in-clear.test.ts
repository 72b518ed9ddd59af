import { expect, test } from 'vitest'
import { connectConfigSchema } from '../../base/config.ts'
import type { ClearSecret } from '../../components/connect/config-records.ts'
import { withPlaceholders } from '../../components/connect/secrets.ts'
import { clearSecretFindings, refuseSecretsInClear } from './secrets-in-clear.ts'

const connect = (more: object = {}) => connectConfigSchema.parse({ url: 'http://connect:8083', ...more })
const record = (record: string, offset: bigint, ...keys: string[]): ClearSecret => {
  const connector = record.split('-')[1] ?? ''
  return { connector, keys, record, partition: 0, offset }
}
const inClear = { name: 'shop', config: withPlaceholders('shop', { 'database.password': 'hunter2' }, ['database.password']) }
const byReference = { name: 'stock', config: { 'database.password': `\${file:/run/secrets:db}` } }
const refusal = (found: ClearSecret[], more: object = {}) => {
  try {
    refuseSecretsInClear({ found, connectors: [inClear, byReference], connect: connect(more) })
  } catch (error) {
    return error
  }
  return 'none'
}

test('secrets in clear are refused: connectors, keys, records; what stands there now, what was replaced, whose connector is gone', () => {
  const found = [
    record('connector-gone', 1n, 'a.token'),
    record('connector-stock', 2n, 'database.password'),
    record('task-stock-0', 3n, 'database.password'),
    record('connector-shop', 4n, 'database.password'),
  ]
  expect(refusal(found)).toMatchObject({
    code: 'secret-in-clear',
    path: 'connect/gone',
    message:
      'topic connect-configs holds in clear: a.token of connector gone, which is gone (connector-gone at 0/1); ' +
      'database.password of connector stock, replaced since (task-stock-0 at 0/3, connector-stock at 0/2); ' +
      'database.password of connector shop (connector-shop at 0/4)',
    hint: expect.stringMatching(/^let the connector refer to it/) as string,
  })
})

test('of replaced ones the hint says that compaction takes them away', () => {
  expect(refusal([record('connector-stock', 2n, 'database.password')])).toMatchObject({ hint: expect.stringMatching(/^compact the topic/) as string })
})

test('nothing found, or accepted by datapipe.yaml: no refusal; a backup that takes them warns, a connector each', () => {
  expect(refusal([])).toBe('none')
  const found = Array.from({ length: 6 }, (_, index) => record('connector-shop', BigInt(index), 'database.password'))
  expect(refusal(found, { secretsInClear: 'keep' })).toBe('none')
  expect(clearSecretFindings('connect-configs', found)).toEqual([
    expect.objectContaining({
      severity: 'warning',
      code: 'secret-in-raw-topic',
      item: 'connect-configs/shop',
      message:
        'the raw records of connect-configs hold database.password of shop in clear (connector-shop at 0/5, connector-shop at 0/4, connector-shop at 0/3, connector-shop at 0/2, 2 more)',
    }),
  ])
})
