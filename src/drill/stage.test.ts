import { expect, test } from 'vitest'
import { silentContext } from '../base/context.ts'
import { planStage } from './stage.ts'

const context = silentContext()

test('each kind of run has an id of its own, so that none replaces another in the matrix', async () => {
  const ids = await Promise.all(
    [
      { stack: 'embedded' },
      { stack: 'embedded', secure: true },
      { stack: 'containers' },
      { stack: 'containers', engineMemory: 512 },
      { stack: 'containers', secure: true },
      { stack: 'containers', versions: { postgres: '15', kafka: '3.4.1', debezium: '2.7.4.Final' } },
      { stack: 'containers', profile: 'official' },
    ].map(async (options) => (await planStage('a drill', options as never, context)).run.id),
  )
  expect(ids).toEqual([
    'embedded',
    'embedded-secure',
    'containers-local-pg17-kafka4.3.1-dbz3.6.0-1024m',
    'containers-local-pg17-kafka4.3.1-dbz3.6.0-512m',
    'containers-local-pg17-kafka4.3.1-dbz3.6.0-1024m-secure',
    'containers-local-pg15-kafka3.4.1-dbz2.7.4-1024m',
    'containers-official-pg17-kafka4.3.1-dbz3.6.0-1024m',
  ])
})

test('the engine in containers has programs of the server that it backs up, and limits', async () => {
  const engines = await Promise.all(
    ['15', '17'].map(async (postgres) => (await planStage('d', { stack: 'containers', versions: { postgres } }, context)).run.engine),
  )
  expect(engines).toEqual([
    { image: 'datapipe-backup-tools:pg15', memoryBytes: 1024 ** 3, cpus: 0.5 },
    { image: 'datapipe-backup-tools:latest', memoryBytes: 1024 ** 3, cpus: 0.5 },
  ])
})

test.each([
  { stack: 'embedded', profile: 'local' },
  { stack: 'embedded', versions: { kafka: '3.4.1' } },
  { stack: 'containers', keep: true },
  { stack: 'containers', secure: true, profile: 'official' },
  { stack: 'containers', secure: true, versions: { kafka: '3.4.1' } },
  { stack: 'containers', versions: { kafka: 'latest' } },
] as const)('options that do not go together are refused before anything starts: %j', async (options) => {
  await expect(planStage('a drill', options, context)).rejects.toMatchObject({ code: 'usage' })
})
