import { existsSync } from 'node:fs'
import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import type { ComponentName } from '../../base/events.ts'
import { fallbackJavaDirectory } from './cache.ts'
import { type InstallPlan, type PackageSource, type ProgramName, planInstall } from './install-plan.ts'
import { installPrograms } from './install-programs.ts'
import { packageSource, refreshPackageLists } from './package-source.ts'
import { type FoundPrograms, findPrograms } from './programs.ts'
import { describeJars } from './resolve-jars.ts'

/**
 * The programs that these components need. Throws one `programs-missing` that names everything missing and the line that brings it,
 * before anything is downloaded; with `install` types that line itself and looks again.
 */
export async function ensurePrograms(options: { components: ComponentName[]; install: boolean; context: Context }): Promise<FoundPrograms> {
  const { components, install, context } = options
  const needed = await neededPrograms(components)
  const found = await findPrograms()
  const missing = needed.filter((name) => found[name] === undefined)
  if (missing.length === 0) return only(found, needed)
  if (!install) throw refusal(planInstall(missing, await packageSource(fallbackJavaDirectory())))

  await refreshPackageLists(context)
  const source: PackageSource = await packageSource(fallbackJavaDirectory())
  const plan = planInstall(missing, source)
  if (plan.line === undefined) throw refusal(plan)
  await installPrograms(plan, context)
  const after = await findPrograms()
  const still = needed.filter((name) => after[name] === undefined)
  if (still.length > 0) throw refusal(planInstall(still, source))
  return only(after, needed)
}

/** Maven only when the servers are not in the cache yet. */
async function neededPrograms(components: ComponentName[]): Promise<ProgramName[]> {
  const needed: ProgramName[] = []
  const servers = components.filter((component) => component !== 'postgres')
  if (servers.length > 0) {
    needed.push('java')
    if (!existsSync((await describeJars()).directory)) needed.push('maven')
  }
  if (components.includes('postgres')) needed.push('postgres')
  return needed
}

function only(found: FoundPrograms, needed: ProgramName[]): FoundPrograms {
  return Object.fromEntries(Object.entries(found).filter(([name]) => needed.some((wanted) => wanted === name)))
}

function refusal(plan: InstallPlan): DatapipeError {
  const list = plan.missing.map((name) => `\n  ${name}`).join('')
  const type = plan.line === undefined ? '\nno package of this system is known to bring all of them' : `\nto install:\n  ${plan.line}`
  return new DatapipeError('programs-missing', `the embedded stack needs programs that are not installed:${list}${type}`, {
    ...(plan.line === undefined && { hint: 'install them by hand, then run again' }),
  })
}
