import type { DatapipeConfig } from '../base/config.ts'
import { type Context, inPhase } from '../base/context.ts'
import { answers, DatapipeError, describeError } from '../base/errors.ts'
import type { CheckItem } from '../components/component.ts'
import { connectComponent } from '../components/connect/index.ts'
import { kafkaComponent } from '../components/kafka/index.ts'
import { postgresComponent } from '../components/postgres/index.ts'
import { registryComponent } from '../components/registry/index.ts'
import { checkClearSecrets } from './check/clear-secrets.ts'
import { checkPositions } from './check/positions.ts'
import { checkRepositoryPlace } from './check/repository-place.ts'

export interface CheckOptions {
  config: DatapipeConfig
}

export interface CheckResult {
  /** 0 all pass (warnings allowed), 20 something failed, 21 something could not be tested. */
  exitCode: number
  items: CheckItem[]
}

/**
 * Tests everything a backup and a restore need, each server side by side, and lists every fault, not the first one. Forces a WAL segment
 * switch to see the archive work end to end. Writes nothing but that, and a file that is removed again in the repository.
 */
export async function check({ config }: CheckOptions, context: Context): Promise<CheckResult> {
  const { postgres, kafka, registry, connect } = config
  const looks: [CheckItem['component'], Promise<CheckItem[]> | undefined][] = [
    ['postgres', postgres && inPhase(context, 'check postgres', () => postgresComponent.check(postgres, context))],
    ['kafka', kafka && inPhase(context, 'check kafka', () => kafkaComponent.check(kafka, context))],
    ['registry', registry && inPhase(context, 'check registry', () => registryComponent.check(registry, context))],
    ['connect', connect && inPhase(context, 'check connect', () => connectComponent.check(connect, context))],
    ['connect', checkPositions(config, context)],
    ['connect', checkClearSecrets(config, context)],
    ['repository', checkRepositoryPlace(config.repository.url)],
  ]
  const items = (await Promise.all(looks.map(([component, look]) => itemsOf(component, look, context)))).flat()
  return { exitCode: exitCodeOf(items), items }
}

/** A check that breaks is an item that says so: the others still count. */
async function itemsOf(component: CheckItem['component'], look: Promise<CheckItem[]> | undefined, context: Context): Promise<CheckItem[]> {
  if (look === undefined) {
    return [
      {
        component,
        name: 'is configured',
        verdict: 'not run',
        detail: `datapipe.yaml names no ${component}`,
        next: `add ${component} to datapipe.yaml`,
      },
    ]
  }
  try {
    return await look
  } catch (error) {
    if (context.signal.aborted) throw error
    const hint = error instanceof DatapipeError ? error.hint : undefined
    return [{ component, name: 'could be checked', verdict: 'fail', detail: describeError(error), ...(hint === undefined ? {} : { next: hint }) }]
  }
}

function exitCodeOf(items: CheckItem[]): number {
  if (items.some(({ verdict }) => verdict === 'fail')) return answers.no
  return items.some(({ verdict, name }) => verdict === 'not run' && name !== 'is configured') ? answers.unknown : answers.ok
}
