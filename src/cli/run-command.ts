import type { DatapipeConfig } from '../base/config.ts'
import type { Context } from '../base/context.ts'
import { answers, DatapipeError } from '../base/errors.ts'
import { columnChoices, exportFormats } from '../commands/export/columns.ts'
import { phantomWays } from '../commands/restore/phantom-ways.ts'
import { rowKinds } from '../commands/rows/row-kinds.ts'
import { componentNames } from '../repository/layout.ts'
import { type CommandInput, oneOf } from './command-input.ts'
import { type CommandCall, defined, type Outcome, outcome } from './outcome.ts'
import { archiveModes, drillRoutes, drillWays, imageProfiles, stackKinds } from './drill-options.ts'
import { imageReleases, registryRoutes } from './options.ts'

type Command = (call: CommandCall) => Promise<Outcome>

/** Every command of the table by name. Modules are loaded when their command runs: `archive-wal` runs once a segment and must start fast. */
export const commands: Readonly<Record<string, Command>> = {
  check: async ({ config, context }) => {
    const [{ check }, { checkText }] = await Promise.all([import('../commands/check.ts'), import('./results/check.ts')])
    return outcome(await check({ config: await config() }, context), checkText)
  },
  backup: async (call) => {
    const { backupCommand } = await import('./backup-command.ts')
    return backupCommand(call)
  },
  list: async ({ config, context }) => {
    const [{ list }, { listText }] = await Promise.all([import('../commands/list.ts'), import('./results/list.ts')])
    return outcome(await list({ config: await config() }, context), listText)
  },
  show: async ({ input, config, context }) => {
    const [{ show }, { showText }] = await Promise.all([import('../commands/show.ts'), import('./results/show.ts')])
    return outcome(await show({ config: await config(), backup: input.argument('BACKUP') }, context), showText)
  },
  restore: async ({ input, config, context }) => {
    if (input.list('group') !== undefined) return groupsAlone(input, await config(), context)
    const [{ restore }, { restoreText }] = await Promise.all([import('../commands/restore.ts'), import('./results/restore.ts')])
    const options = {
      config: await config(),
      dryRun: input.flag('dry-run'),
      inPlace: input.flag('in-place'),
      leaveConnectorsStopped: input.flag('leave-connectors-stopped'),
      ...defined({
        backup: input.argument('BACKUP', '') || undefined,
        to: input.text('to'),
        registryRoute: input.choice('registry-route', registryRoutes),
        only: input.choices('only', componentNames),
        secretsFile: input.text('secrets-file'),
      }),
      kafka: kafkaRestore(input),
      lift: input.flag('lift'),
      phantoms: defined({ way: input.choice('phantoms', phantomWays), list: input.text('phantom-list') }),
    }
    return outcome(await restore(options, context), restoreText)
  },
  points: async ({ input, config, context }) => {
    const [{ points }, { pointsText }] = await Promise.all([import('../commands/points.ts'), import('./results/points.ts')])
    const options = {
      config: await config(),
      ...defined({ backup: input.text('backup'), from: input.text('from'), to: input.text('to'), commits: input.integer('commits') }),
    }
    return outcome(await points(options, context), pointsText)
  },
  verify: async ({ input, config, context }) => {
    const [{ verify }, { verifyText }] = await Promise.all([import('../commands/verify.ts'), import('./results/verify.ts')])
    const options = { config: await config(), backup: input.argument('BACKUP', 'latest'), all: input.flag('all') }
    return outcome(await verify(options, context), verifyText)
  },
  expire: async ({ input, config, context }) => {
    const [{ expire }, { expireText }] = await Promise.all([import('../commands/expire.ts'), import('./results/expire.ts')])
    const options = {
      config: await config(),
      dryRun: input.flag('dry-run'),
      ...defined({ keepLast: input.integer('keep-last'), keepDays: input.integer('keep-days'), yes: input.text('yes') }),
    }
    return outcome(await expire(options, context), expireText)
  },
  wipe: async ({ input, config, context }) => {
    const [{ wipe }, { wipeText }] = await Promise.all([import('../commands/wipe.ts'), import('./results/wipe.ts')])
    const options = {
      config: await config(),
      dryRun: input.flag('dry-run'),
      ...defined({ only: input.choices('only', componentNames), yes: input.text('yes') }),
    }
    return outcome(await wipe(options, context), wipeText)
  },
  diff: async ({ input, config, context }) => {
    const [{ diff }, { diffText }] = await Promise.all([import('../commands/diff.ts'), import('./results/diff.ts')])
    const other = input.text('against')
    const against = other === undefined ? undefined : await config(other)
    const options = { config: await config(), a: input.argument('A'), b: input.argument('B'), ...defined({ against, to: input.text('to') }) }
    return outcome(await diff(options, context), diffText)
  },
  rows: async ({ input, config, context }) => {
    const [{ rows }, { rowsText }] = await Promise.all([import('../commands/rows.ts'), import('./results/rows.ts')])
    const options = {
      config: await config(),
      ...defined({
        backup: input.argument('BACKUP', '') || undefined,
        to: input.text('to'),
        tables: input.list('table'),
        database: input.text('database'),
        beforeXid: input.text('before-xid'),
        kinds: input.choices('kind', rowKinds),
        output: input.text('output'),
      }),
    }
    return outcome(await rows(options, context), rowsText)
  },
  tools: async ({ input, config, context }) => {
    const [{ tools }, { toolsText }] = await Promise.all([import('../commands/tools.ts'), import('./results/tools.ts')])
    const options = defined({ config: await config().catch(noneByDefault), scratchTopic: input.text('scratch-topic') })
    return outcome(await tools(options, context), toolsText)
  },
  image: async ({ input, context }) => {
    const [{ image }, { imageText }] = await Promise.all([import('../commands/image.ts'), import('./results/image.ts')])
    const options = defined({
      tag: input.text('tag'),
      pgMajor: input.integer('pg-major'),
      release: input.choice('release', imageReleases),
      ca: input.text('ca'),
    })
    return done(await image(options, context), imageText)
  },
  export: async ({ input, config, context }) => {
    const [{ exportTopics }, { exportText }] = await Promise.all([import('../commands/export.ts'), import('./results/export.ts')])
    const options = {
      config: await config(),
      backup: input.argument('BACKUP'),
      topics: input.list('topic') ?? [],
      output: input.text('output') ?? '',
      format: input.choice('format', exportFormats) ?? 'avro-json',
      columns: input.choices('columns', columnChoices) ?? [],
      ...defined({ offsets: input.list('offsets'), fromTime: input.text('from-time'), toTime: input.text('to-time') }),
    }
    return outcome(await exportTopics(options, context), exportText)
  },
  import: async ({ input, config, context }) => {
    const [{ importTopics }, { importText }] = await Promise.all([import('../commands/import.ts'), import('./results/import.ts')])
    const options = {
      config: await config(),
      files: input.arguments('FILES...'),
      dryRun: input.flag('dry-run'),
      ...defined({
        topic: input.text('topic'),
        format: input.choice('format', exportFormats),
        columns: input.list('columns'),
        keySchema: input.text('key-schema'),
        valueSchema: input.text('value-schema'),
      }),
    }
    return outcome(await importTopics(options, context), importText)
  },
  drill: async (call) => {
    const { input, context } = call
    if (input.choice('route', drillWays) === 'original') return originalRoute(input, context)
    const several = await (await import('./drill-command.ts')).severalDrills(call)
    if (several !== undefined) return several
    const [{ drill }, { drillText }] = await Promise.all([import('../commands/drill.ts'), import('./results/drill.ts')])
    const options = {
      keep: input.flag('keep'),
      secure: input.flag('secure'),
      add: input.flag('add'),
      ...wantsInstall(input),
      ...defined({
        stack: input.choice('stack', stackKinds),
        profile: input.choice('profile', imageProfiles),
        versions: serverVersions(input),
        engineMemory: input.integer('engine-memory'),
        toolsImage: input.text('tools-image'),
        rows: input.integer('rows'),
        sqlFiles: input.list('sql'),
        archiveMode: input.choice('archive-mode', archiveModes),
        registryRoute: input.choice('registry-route', drillRoutes),
        reports: input.text('reports'),
        seconds: input.integer('seconds'),
        seed: input.integer('seed'),
      }),
    }
    return outcome(await drill(options, context), drillText)
  },
  'stack up': async ({ input, context }) => {
    const [{ stackUp }, { stackUpText }] = await Promise.all([import('../commands/stack.ts'), import('./results/stack.ts')])
    const options = {
      context,
      secure: input.flag('secure'),
      ...defined({ brokers: input.integer('brokers'), components: input.choices('only', componentNames) }),
      ...wantsInstall(input),
      ...directoryOf(input),
    }
    return done(await stackUp(options), stackUpText)
  },
  'stack status': async ({ input, context }) => {
    const [{ stackStatus }, { stackStatusText }] = await Promise.all([import('../commands/stack.ts'), import('./results/stack.ts')])
    return done(await stackStatus({ context, ...directoryOf(input) }), stackStatusText)
  },
  'stack down': async ({ input, context }) => {
    const { stackDown } = await import('../commands/stack.ts')
    return done(await stackDown({ context, keep: input.flag('keep'), ...directoryOf(input) }), ({ directory }) => `${directory} is down\n`)
  },
  'stack start': async ({ input, context }) => {
    const { stackStart } = await import('../commands/stack.ts')
    return done(await stackStart({ context, component: componentOf(input), ...directoryOf(input) }), ({ component }) => `${component} serves\n`)
  },
  'stack stop': async ({ input, context }) => {
    const { stackStop } = await import('../commands/stack.ts')
    return done(await stackStop({ context, component: componentOf(input), ...directoryOf(input) }), ({ component }) => `${component} is stopped\n`)
  },
  'archive-wal': async ({ input }) => {
    const { archiveWalCommand } = await import('../commands/archive-wal.ts')
    return done(await archiveWalCommand(input.argument('SEGMENT_PATH'), input.argument('DIRECTORY')), ({ path, already }) =>
      already ? `${path} was there already\n` : `${path}\n`,
    )
  },
}

function kafkaRestore(input: CommandInput) {
  return {
    withoutGroups: input.flag('without-groups'),
    preserveOffsets: input.flag('preserve-offsets'),
    acls: input.flag('acls'),
    ...defined({
      replicationFactor: input.integer('replication-factor'),
      topics: input.list('topic'),
      rename: input.list('rename'),
      repartition: input.list('repartition'),
      offsets: input.list('offsets'),
      fromTime: input.text('from-time'),
      toTime: input.text('to-time'),
      offsetMap: input.text('offset-map'),
    }),
  }
}

async function groupsAlone(input: CommandInput, config: DatapipeConfig, context: Context): Promise<Outcome> {
  const taken = ['topic', 'group', 'by-offset-map', 'only', 'dry-run', 'in-place']
  const foreign = input.typed().find((name) => !taken.includes(name))
  if (foreign !== undefined)
    throw new DatapipeError('usage', `--${foreign} means nothing with --group, which sets positions of groups alone`, {
      hint: 'leave one of them out',
    })
  const [{ restoreGroupsAlone }, { restoreText }] = await Promise.all([import('../commands/restore-groups.ts'), import('./results/restore.ts')])
  const options = {
    config,
    backup: input.argument('BACKUP', ''),
    groups: input.list('group') ?? [],
    only: input.choices('only', componentNames),
    dryRun: input.flag('dry-run'),
    ...defined({ topics: input.list('topic'), byOffsetMap: input.text('by-offset-map') }),
  }
  return outcome(await restoreGroupsAlone(options, context), restoreText)
}

async function originalRoute(input: CommandInput, context: Context): Promise<Outcome> {
  if (input.choice('stack', stackKinds) === 'containers' || foreignToTheRoute(input))
    throw new DatapipeError('usage', '--route original knows no option of the drill but --rows, --reports, --add, --install and --tools-image', {
      hint: 'docs/original-route.md',
    })
  const [{ drillOriginalRoute }, { drillText }] = await Promise.all([import('../commands/original-route.ts'), import('./results/drill.ts')])
  const options = {
    add: input.flag('add'),
    ...wantsInstall(input),
    ...defined({ rows: input.integer('rows'), reports: input.text('reports'), toolsImage: input.text('tools-image') }),
  }
  return outcome(await drillOriginalRoute(options, context), drillText)
}

/** An option that is taken and does nothing would be believed. */
function foreignToTheRoute(input: CommandInput): boolean {
  const texts = ['archive-mode', 'registry-route', 'profile', 'postgres', 'kafka', 'debezium']
  const numbers = ['seconds', 'seed', 'engine-memory']
  return (
    texts.some((name) => input.text(name) !== undefined) ||
    numbers.some((name) => input.integer(name) !== undefined) ||
    input.list('sql') !== undefined ||
    input.flag('keep') ||
    input.flag('secure')
  )
}

/** For a command that works without servers too: no datapipe.yaml is none; one that was named and is not there stays an error. */
function noneByDefault(error: unknown): undefined {
  const isMissing = error instanceof DatapipeError && error.cause instanceof Error && 'code' in error.cause && error.cause.code === 'ENOENT'
  if (isMissing && error.path === 'datapipe.yaml') return undefined
  throw error
}

/** A result that can only be success. */
function done<T>(result: T, text: (result: T) => string): Outcome {
  return { exitCode: answers.ok, result, text: () => text(result) }
}

/** Left out when nothing was typed: the stack then looks at DATAPIPE_INSTALL itself. */
function wantsInstall(input: CommandInput): { install?: true } {
  return input.flag('install') ? { install: true } : {}
}

/** Undefined when none was named. */
function serverVersions(input: CommandInput) {
  const named = defined({ postgres: input.text('postgres'), kafka: input.text('kafka'), debezium: input.text('debezium') })
  return Object.keys(named).length === 0 ? undefined : named
}

function directoryOf(input: CommandInput) {
  return defined({ directory: input.text('directory') })
}

function componentOf(input: CommandInput) {
  return oneOf(input.argument('COMPONENT'), componentNames)
}
