import type { RegistryConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { DatapipeError, describeError } from '../../base/errors.ts'
import type { CheckItem, TargetIdentity } from '../component.ts'
import { probeRegistry, type RegistryProbe } from './probe.ts'

/** Everything `datapipe check` wants to know of the registry. Reads only; every fault is an item. */
export async function checkRegistry(config: RegistryConfig, context: Context): Promise<CheckItem[]> {
  const item = (name: string, verdict: CheckItem['verdict'], detail: string, next?: string): CheckItem => ({
    component: 'registry',
    name,
    verdict,
    detail,
    ...(next === undefined ? {} : { next }),
  })
  let probe: RegistryProbe
  try {
    probe = await probeRegistry(config, context)
  } catch (error) {
    if (context.signal.aborted) throw error
    const next = error instanceof DatapipeError ? error.hint : undefined
    return [
      item('the registry answers', 'fail', describeError(error), next),
      item('ids can be kept in a restore', 'not run', 'the registry does not answer'),
    ]
  }
  const { kind, version, capabilities } = probe
  const keeps = capabilities.keepsIds
  return [
    item('the registry answers', 'pass', `${kind} ${version} at ${probe.identity}`),
    item(
      'ids can be kept in a restore',
      'pass',
      `${keeps.join(', ')}; the id on the wire is ${kind === 'apicurio' ? `apicurio's ${capabilities.wireId}` : 'the schema id'}`,
    ),
    item(
      'ids can be kept while the registry runs',
      keeps.length > 1 ? 'pass' : 'warning',
      keeps.length > 1 ? (keeps[0] ?? '') : `${kind} takes no ids over REST: its topic must be in the backup, and is restored with the registry down`,
      keeps.length > 1 ? undefined : `add ${config.topic ?? '_schemas'} to kafka.topics.include`,
    ),
  ]
}

/** The registry that a restore would go to, and whether it is empty. Throws `unreachable`, `unauthorized`, `not-supported`. */
export async function identifyRegistry(config: RegistryConfig, context: Context): Promise<TargetIdentity> {
  const probe = await probeRegistry(config, context)
  return { component: 'registry', identity: probe.identity, empty: probe.empty, contents: probe.contents.slice(0, 5) }
}
