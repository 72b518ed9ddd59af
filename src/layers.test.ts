import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { expect, test } from 'vitest'

/** The import rules of the design, checked over the import lines that are really there. */

const root = import.meta.dirname
const isTest = (file: string) => file.endsWith('.test.ts')
const sources = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .sort()

interface Import {
  from: string
  /** A path below src, or the name of a package. */
  to: string
  isPackage: boolean
}

/** Static, re-exporting and dynamic imports of one file's text. */
function importsOf(file: string, text: string): Import[] {
  const pattern = /^\s*(?:import|export)\b[^'"`;]*?\bfrom\s+['"]([^'"]+)['"]|^\s*import\s+['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/gm
  return [...text.matchAll(pattern)].map(([, from, bare, dynamic]): Import => {
    const target = from ?? bare ?? dynamic ?? ''
    if (!target.startsWith('.')) return { from: file, to: target, isPackage: true }
    return { from: file, to: relative(root, resolve(root, dirname(file), target)), isPackage: false }
  })
}

/** `components/kafka`, `drill/observers`, otherwise the first directory; a file in src itself is its own area. */
function areaOf(file: string): string {
  const [first = '', second = ''] = dirname(file).split('/')
  return (first === 'components' || first === 'drill') && second !== '' ? `${first}/${second}` : first === '.' ? basename(file) : first
}

const engine = ['base', 'storage', 'repository', 'clients', 'components', 'recovery-point', 'commands']
/** The rules of a recovery point are pure: components that cut by them use them, and never one another. */
const component = ['base', 'repository', 'clients', 'components', 'recovery-point']
/** Area → areas it may import beside itself. */
const allowed: Record<string, string[]> = {
  base: [],
  storage: ['base'],
  repository: ['base', 'storage'],
  clients: ['base'],
  // The interface that every component fills.
  components: ['base', 'repository'],
  'components/postgres': component,
  // It cuts topics by what their change events say.
  'components/kafka': [...component, 'change-events'],
  'components/registry': component,
  'components/connect': component,
  'recovery-point': ['base', 'clients'],
  avro: ['base'],
  'change-events': ['base', 'avro'],
  // The console drop-ins are programs of their own beside the command line.
  'avro-console': ['base', 'clients', 'avro'],
  commands: [
    ...engine,
    'avro',
    'change-events',
    'avro-console',
    'components/postgres',
    'components/kafka',
    'components/registry',
    'components/connect',
  ],
  cli: ['base', 'commands', 'repository'],
  stack: ['base', 'clients', 'image'],
  // Images of Debian and of our own: what the containers stack and the backup-tools image are made from.
  image: ['base', 'clients'],
  // An oracle that shares code with the product shares its bugs.
  'drill/observers': ['base'],
  'drill/checkers': ['base', 'drill/observers', 'drill/workloads'],
  'drill/report': ['base', 'drill/checkers'],
  'drill/workloads': ['base', 'drill/observers', 'stack'],
  // Another way back than the engine's: it shares the drill's pipeline and checkers, and nothing with the engine but how phases are recorded.
  'drill/original-route': ['base', 'stack', 'commands', 'drill', 'drill/observers', 'drill/checkers', 'drill/report', 'drill/workloads'],
  drill: ['base', 'stack', 'commands', 'repository', 'storage', 'drill/observers', 'drill/checkers', 'drill/report', 'drill/workloads'],
  'index.ts': [...engine, 'cli', 'components/postgres', 'components/kafka', 'components/registry', 'components/connect'],
}

/** Files that may do what their area may not, each for its reason. */
const exceptions: Record<string, string[]> = {
  'commands/drill.ts': ['drill', 'stack'],
  'commands/drill-episodes.ts': ['drill', 'stack'],
  'commands/drill-analyze.ts': ['drill'],
  'commands/original-route.ts': ['drill', 'stack'],
  'commands/stack.ts': ['stack'],
  'commands/image.ts': ['image'],
  // One cache directory and one kind of lock for everything that is made once on a machine.
  'image/base-image.ts': ['stack'],
  'image/host-settings.ts': ['stack'],
  // Loaded only when a drill ran: the matrix has one table, for reports and for the terminal.
  'cli/results/drill.ts': ['drill/report'],
}

/** What `imports` break of the layer rules, one line each. */
function layerFaults(imports: Import[]): string[] {
  return imports
    .filter(({ from, isPackage }) => !isPackage && !isTest(from))
    .filter(({ from, to }) => {
      const [own, other] = [areaOf(from), areaOf(to)]
      return own !== other && !allowed[own]?.includes(other) && !exceptions[from]?.some((area) => other === area || other.startsWith(`${area}/`))
    })
    .map(({ from, to }) => `${from} imports ${to}`)
}

const drivers = /^(@platformatic\/.*|@node-rs\/.*|kafkajs|@kafkajs\/.*|pg|avsc|@aws-sdk\/.*)$/
/** Area → packages it may name. Node's own modules are free. */
const packages: [RegExp, (file: string) => boolean][] = [
  [drivers, (file) => /^(clients|drill)\//.test(file)],
  // What talks to a container engine is the stack made of containers.
  [/^(testcontainers|@testcontainers\/.*)$/, (file) => file.startsWith('stack/containers/')],
  [/^zod$/, () => true],
  [/^commander$/, (file) => file.startsWith('cli/')],
  [/^yaml$/, (file) => /^(cli|stack)\//.test(file)],
  [/^vitest$/, (file) => isTest(file) || file.endsWith('-contract.ts')],
]

function packageFaults(imports: Import[]): string[] {
  return imports
    .filter(({ to, isPackage }) => isPackage && !to.startsWith('node:'))
    .filter(({ from, to }) => !packages.some(([name, mayUse]) => name.test(to) && (mayUse(from) || isTest(from))))
    .map(({ from, to }) => `${from} imports ${to}`)
}

const exits = /\bprocess\s*\.\s*exit\s*\(|\bprocess\s*\.\s*exitCode\s*=/
/** Each is the whole of a process: the command line, and the copy of archive-wal.ts that runs beside a server. */
const programs = ['cli/main.ts', 'components/postgres/archive-wal.ts']

const files = sources.map((file) => ({ file, text: readFileSync(join(root, file), 'utf8') }))
const imports = files.flatMap(({ file, text }) => importsOf(file, text))

test('imports go one way: cli, commands, components, repository, storage, base', () => {
  expect(imports.length).toBeGreaterThan(300)
  expect(layerFaults(imports)).toEqual([])
})

test('drivers are named in clients and drill alone, commander and yaml at the command line', () => {
  expect(packageFaults(imports)).toEqual([])
})

test('only programs end the process', () => {
  expect(files.filter(({ file, text }) => exits.test(text) && !programs.includes(file) && !isTest(file)).map(({ file }) => file)).toEqual([])
})

test('no file is longer than 350 lines, none is a drawer for everything, and names are kebab-case', () => {
  expect(files.filter(({ text }) => text.split('\n').length > 351).map(({ file }) => file)).toEqual([])
  expect(sources.filter((file) => /(^|\/)(utils?|helpers?|misc|common)(\.ts|\/)/.test(file))).toEqual([])
  expect(sources.filter((file) => !/^[a-z0-9-]+(\/[a-z0-9-]+)*(\.test)?\.ts$/.test(file))).toEqual([])
})

const suitesRoot = join(root, '..', 'suites')
const suites = readdirSync(suitesRoot, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
const suiteTexts = suites.map((file) => ({ file, text: readFileSync(join(suitesRoot, file), 'utf8') }))

test('suites are no longer than 350 lines, in kebab-case, and each tests something', () => {
  expect(suites.length).toBeGreaterThan(30)
  expect(suiteTexts.filter(({ text }) => text.split('\n').length > 351).map(({ file }) => file)).toEqual([])
  expect(suites.filter((file) => !/^[a-z0-9-]+(\.suite)?\.ts$/.test(file) || /^(utils?|helpers?|misc|common)\./.test(file))).toEqual([])
  expect(suiteTexts.filter(({ file, text }) => file.endsWith('.suite.ts') && !/\b(test|it)(\.\w+)*\(/.test(text)).map(({ file }) => file)).toEqual([])
})

/** Suites that call a command's insides, each because no user can see what it looks at. */
const insides: Record<string, RegExp> = {
  // A worker that answers half of what it is asked.
  'connect.suite.ts': /^commands\/restore\/connectors\.ts$/,
  // In this process, where its servers can be looked at.
  'stack.suite.ts': /^commands\/stack\.ts$/,
}

/** Commands are typed (cli.ts, the CLI of the unit tests), or called as a program would: by `src/index.ts`. Types are free. */
function suiteFaults(file: string, text: string): string[] {
  const values = importsOf(file, text.replaceAll(/^import type [^;]*?from '[^']*'$/gm, ''))
  return values
    .map(({ to }) => to)
    .filter((to) => /^(commands|cli)\//.test(to) && to !== 'cli/test-cli.ts' && insides[file]?.test(to) !== true)
    .map((to) => `${file} imports ${to}`)
}

test('suites type commands, or call them by src/index.ts', () => {
  expect(suiteTexts.flatMap(({ file, text }) => suiteFaults(file, text))).toEqual([])
  expect(suiteFaults('x.suite.ts', "import { backup } from '../src/commands/backup.ts'")).toEqual(['x.suite.ts imports commands/backup.ts'])
  expect(suiteFaults('x.suite.ts', "import type { A } from '../src/commands/backup.ts'\nimport { a } from '../src/index.ts'")).toEqual([])
})

test.each([
  ['base/x.ts', "import { a } from '../storage/storage.ts'"],
  ['storage/x.ts', "export type { A } from '../repository/artifact.ts'"],
  ['components/kafka/x.ts', "import type { A } from '../postgres/part.ts'"],
  ['components/kafka/x.ts', "import { a } from '../../commands/list.ts'"],
  ['commands/backup.ts', "const { a } = await import('../drill/run-drill.ts')"],
  ['commands/backup.ts', "import { a } from '../stack/stack.ts'"],
  ['drill/observers/x.ts', "import {\n  a,\n  b,\n} from '../../clients/http.ts'"],
  ['drill/observers/x.ts', "import { a } from '../../repository/artifact.ts'"],
  ['cli/x.ts', "import { a } from '../components/kafka/part.ts'"],
])('a wrong import is seen: %s with %s', (file, text) => {
  expect(layerFaults(importsOf(file, text))).toHaveLength(1)
})

test.each([
  ['components/kafka/x.ts', "import { a } from '@platformatic/kafka'"],
  ['commands/x.ts', "import pg from 'pg'"],
  ['commands/x.ts', "import { a } from 'left-pad'"],
  ['commands/x.ts', "import { test } from 'vitest'"],
  ['repository/x.ts', "import 'commander'"],
])('a wrong package is seen: %s with %s', (file, text) => {
  expect(packageFaults(importsOf(file, text))).toHaveLength(1)
})
