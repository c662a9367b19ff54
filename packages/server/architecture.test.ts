import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

const mayImport = {
  processes: ['processes', 'features', 'platform'],
  features: ['features', 'platform'],
  platform: ['platform'],
  testing: ['processes', 'features', 'platform', 'testing'],
} as const
const tiers = ['accounts', 'catalog', 'execution', 'delivery']
const ourPackages: Record<string, readonly string[]> = {
  'model-server': [], client: [], server: ['model-server'], runner: ['client'], cli: ['client'], web: ['client'],
}
const processes = ['all-in-one.ts', 'api.ts', 'migrate.ts', 'worker.ts']
const bannedNames = ['utils', 'util', 'helpers', 'helper', 'common', 'misc', 'types']
// Features keep SQL in stores; platform/ keeps it in db/ and in adapters named postgres-*.
const mayHoldSql = /-store\.ts$|^platform\/db\/|^platform\/[a-z/-]+\/postgres-[a-z-]+\.ts$|(^|\/)testing\/|\.(test|conformance)\.ts$/
const mayReadEnvironment = /^processes\/|(^|\/)testing\/|\.(test|conformance)\.ts$/

// ---------------------------------------------------------------- what a file says about itself

interface Import { readonly target: string, readonly typeOnly: boolean }
interface Source { readonly path: string, readonly imports: readonly Import[], readonly sql: readonly string[], readonly readsEnvironment: boolean }
type Tree = ReadonlyMap<string, Source>

const sqlCalls = new Set(['selectFrom', 'insertInto', 'updateTable', 'deleteFrom', 'mergeInto'])
const sqlText = /^\s*(select|insert into|update|delete from|with|create|alter|drop|truncate|listen|notify)\s/i

function readSource(path: string, text: string): Source {
  const imports: Import[] = []
  const sql: string[] = []
  let readsEnvironment = false
  function visit(node: ts.Node): void {
    const found = importIn(node)
    if (found !== undefined) imports.push({ target: resolve(path, found.specifier), typeOnly: found.typeOnly })
    const statement = sqlIn(node)
    if (statement !== undefined) sql.push(statement)
    readsEnvironment ||= isEnvironment(node)
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile(path, text, ts.ScriptTarget.Latest))
  return { path, imports, sql, readsEnvironment }
}

function resolve(path: string, specifier: string): string {
  return specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : specifier
}

function importIn(node: ts.Node): { specifier: string, typeOnly: boolean } | undefined {
  if (ts.isImportDeclaration(node)) return named(node.moduleSpecifier, node.importClause?.isTypeOnly ?? false)
  if (ts.isExportDeclaration(node)) return named(node.moduleSpecifier, node.isTypeOnly)
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) return named(node.argument.literal, true)
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) return named(node.arguments[0], false)
  return undefined
}

function named(specifier: ts.Node | undefined, typeOnly: boolean): { specifier: string, typeOnly: boolean } | undefined {
  return specifier !== undefined && ts.isStringLiteralLike(specifier) ? { specifier: specifier.text, typeOnly } : undefined
}

function sqlIn(node: ts.Node): string | undefined {
  if (ts.isTaggedTemplateExpression(node) && ts.isIdentifier(node.tag) && node.tag.text === 'sql') return 'sql`…`'
  if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return undefined
  const { name } = node.expression
  if (sqlCalls.has(name.text)) return `.${name.text}()`
  return name.text === 'query' && isSqlText(node.arguments[0]) ? '.query()' : undefined
}

function isSqlText(node: ts.Node | undefined): boolean {
  if (node === undefined) return false
  if (ts.isObjectLiteralExpression(node)) return node.properties.some((one) => ts.isPropertyAssignment(one) && isSqlText(one.initializer))
  if (ts.isTemplateExpression(node)) return sqlText.test(`${node.head.text} `)
  return ts.isStringLiteralLike(node) && sqlText.test(node.text)
}

function isEnvironment(node: ts.Node): boolean {
  if (ts.isPropertyAccessExpression(node)) return isProcess(node.expression) && node.name.text === 'env'
  if (ts.isElementAccessExpression(node)) return isProcess(node.expression) && namesEnv(node.argumentExpression)
  if (ts.isVariableDeclaration(node) && node.initializer !== undefined && isProcess(node.initializer)) return takesEnv(node.name)
  return ts.isImportDeclaration(node) && importsEnv(node)
}

function importsEnv(node: ts.ImportDeclaration): boolean {
  if (!/^(node:)?process$/.test(named(node.moduleSpecifier, false)?.specifier ?? '')) return false
  const bindings = node.importClause?.namedBindings
  return bindings !== undefined && ts.isNamedImports(bindings) && bindings.elements.some((one) => namesEnv(one.propertyName ?? one.name))
}

const isProcess = (node: ts.Node): boolean => ts.isIdentifier(node) && node.text === 'process'
const namesEnv = (node: ts.Node): boolean => (ts.isIdentifier(node) || ts.isStringLiteralLike(node)) && node.text === 'env'
function takesEnv(name: ts.BindingName): boolean {
  return ts.isObjectBindingPattern(name) && name.elements.some((one) => namesEnv(one.propertyName ?? one.name))
}

// ---------------------------------------------------------------- where a file lives

type Layer = keyof typeof mayImport
interface Place { readonly layer: Layer, readonly tier: number, readonly noun: string, readonly rest: string }

const isLayer = (name: string): name is Layer => name in mayImport
const isTesting = (path: string): boolean => /(^|\/)testing\//.test(path)
const isTest = (path: string): boolean => /\.(test|conformance)\.ts$/.test(path) || isTesting(path)

function placeOf(path: string): Place | undefined {
  const [layer = '', tier = '', noun = '', ...rest] = path.split('/')
  if (!isLayer(layer)) return undefined
  // Beside the list of features: tests of all of them.
  if (layer !== 'features' || /^features\/(index|[a-z-]+\.test)\.ts$/.test(path)) return { layer, tier: -1, noun: '', rest: '' }
  return tiers.includes(tier) && rest.length > 0 ? { layer, tier: tiers.indexOf(tier), noun: `${tier}/${noun}`, rest: rest.join('/') } : undefined
}

function whyNot(fromPath: string, toPath: string): string | undefined {
  const from = placeOf(fromPath)
  const to = placeOf(toPath)
  if (from === undefined || to === undefined || from.layer === 'testing') return undefined
  if (isTesting(toPath)) return isTest(fromPath) ? undefined : 'only tests and testing/ import testing/'
  // A test may need the whole product around its subject; it too enters a feature through the front door.
  const layers: readonly Layer[] = mayImport[isTest(fromPath) ? 'testing' : from.layer]
  if (!layers.includes(to.layer)) return `${from.layer}/ does not import ${to.layer}/`
  return to.layer === 'features' ? whyNotFeature(from, to, isTest(fromPath)) : undefined
}

function whyNotFeature(from: Place, to: Place, isTest: boolean): string | undefined {
  if (to.noun === '') return from.layer === 'processes' || isTest ? undefined : 'only processes/ import the list of features'
  if (from.noun === to.noun) return undefined
  if (to.rest !== 'index.ts') return `${to.noun} is entered through its index.ts only`
  return from.noun !== '' && to.tier > from.tier && !isTest ? 'an earlier tier does not import a later one' : undefined
}

// ---------------------------------------------------------------- the rules: each lists its violations in a tree

const each = (tree: Tree, check: (source: Source) => string[]): string[] => [...tree.values()].flatMap(check)

const rules = {
  place: (tree: Tree) => each(tree, ({ path }) => (placeOf(path) === undefined ? [`${path}: no such layer, tier or noun`] : [])),
  layers: (tree: Tree) => each(tree, ({ path, imports }) => imports.flatMap(({ target }) => {
    const reason = path === 'features/index.ts' && placeOf(target)?.layer === 'processes' ? 'the list imports features only' : whyNot(path, target)
    return reason === undefined ? [] : [`${path} -> ${target}: ${reason}`]
  })),
  packages: (tree: Tree) => foreignImports('server', tree),
  cycles: (tree: Tree) => cycles(graph(tree, (from, to) => (to.typeOnly ? [] : [[from, to.target]]))),
  rings: (tree: Tree) => cycles(graph(tree, (from, to) => {
    const [a, b] = [placeOf(from)?.noun, placeOf(to.target)?.noun]
    return a && b && a !== b && !isTest(from) ? [[a, b]] : []
  })),
  sql: (tree: Tree) => each(tree, ({ path, sql }) => (sql.length > 0 && !mayHoldSql.test(path) ? [`${path}: ${sql.join(', ')} outside a store`] : [])),
  environment: (tree: Tree) => each(tree, ({ path, readsEnvironment }) => (readsEnvironment && !mayReadEnvironment.test(path) ? [`${path}: process.env`] : [])),
  names: (tree: Tree) => each(tree, ({ path }) => path.split('/').flatMap((part) => (isGoodName(part) ? [] : [`${path}: "${part}"`]))),
  siblings: (tree: Tree) => each(tree, ({ path }) => (hasSubject(tree, path) ? [] : [`${path}: a test stands beside what it tests`])),
  processes: (tree: Tree) => processes.flatMap((name) => (tree.has(`processes/${name}`) ? [] : [`processes/${name} is missing`])),
} as const

function foreignImports(name: string, tree: Tree): string[] {
  return each(tree, ({ path, imports }) => imports.flatMap(({ target }) => (mayUse(name, target) ? [] : [`${path} -> ${target}`])))
}

/** Whether a package may import a target that names, or reaches by a relative path, another package of ours. */
function mayUse(from: string, target: string): boolean {
  const climbed = /^(?:\.\.\/)+([^/]+)\/src/.exec(target)?.[1]
  const wanted = /^@appstrate\/([^/]+)/.exec(target)?.[1] ?? climbed
  if (climbed !== undefined) return false
  return wanted === undefined || (ourPackages[from] ?? []).includes(wanted)
}

function isGoodName(part: string): boolean {
  const words = part.replace(/\.ts$/, '').split('.')
  return words.every((word) => /^[a-z0-9]+(-[a-z0-9]+)*$/.test(word)) && !bannedNames.includes(words[0] ?? '')
}

function hasSubject(tree: Tree, path: string): boolean {
  if (!path.endsWith('.test.ts')) return true
  return [...tree.keys()].some((other) => !other.endsWith('.test.ts') && posix.dirname(other) === posix.dirname(path))
}

function graph(tree: Tree, edgesOf: (from: string, to: Import) => string[][]): Map<string, Set<string>> {
  const edges = new Map<string, Set<string>>()
  for (const { path, imports } of tree.values()) {
    for (const [from = '', to = ''] of imports.flatMap((one) => edgesOf(path, one))) edges.set(from, (edges.get(from) ?? new Set()).add(to))
  }
  return edges
}

/** One line per cycle that a depth-first walk closes; empty exactly when the graph has none. */
function cycles(edges: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const done = new Set<string>()
  const found: string[] = []
  function walk(node: string, trail: readonly string[]): void {
    if (trail.includes(node)) found.push([...trail.slice(trail.indexOf(node)), node].join(' -> '))
    if (trail.includes(node) || done.has(node)) return
    for (const next of edges.get(node) ?? []) walk(next, [...trail, node])
    done.add(node)
  }
  for (const node of edges.keys()) walk(node, [])
  return found
}

// ---------------------------------------------------------------- the real tree

function readTree(folder: string): Tree {
  if (!existsSync(folder)) return new Map()
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((path) => path.replaceAll('\\', '/'))
  return treeOf(Object.fromEntries(paths.filter((path) => path.endsWith('.ts')).map((path) => [path, readFileSync(join(folder, path), 'utf8')])))
}

function treeOf(files: Record<string, string>): Tree {
  return new Map(Object.entries(files).map(([path, text]) => [path, readSource(path, text)]))
}

describe('the server', () => {
  const tree = readTree(join(import.meta.dirname, 'src'))

  it('is read: files, imports, SQL and the environment are seen', () => {
    expect(tree.size).toBeGreaterThan(50)
    expect(each(tree, ({ imports }) => imports.filter(({ target }) => tree.has(target)).map(({ target }) => target)).length).toBeGreaterThan(tree.size)
    expect(each(tree, ({ sql }) => [...sql]).length).toBeGreaterThan(5)
  })

  it.each(Object.entries(rules))('keeps the rule: %s', (_, rule) => {
    expect(rule(tree)).toEqual([])
  })
})

describe('the packages', () => {
  const names = readdirSync(join(import.meta.dirname, '..')).filter((name) => name !== 'node_modules' && !name.startsWith('.'))

  it.each(names)('%s is in the table and imports what the table says', (name) => {
    expect(Object.keys(ourPackages)).toContain(name)
    expect(foreignImports(name, readTree(join(import.meta.dirname, '..', name, 'src')))).toEqual([])
  })
})

describe('each rule', () => {
  const a = 'features/accounts/keys'
  const broken: [keyof typeof rules, string, Record<string, string>][] = [
    ['place', 'a file beside the layers', { 'app.ts': '' }],
    ['place', 'an unknown tier', { 'features/billing/invoices/index.ts': '' }],
    ['place', 'a file in a tier, outside a noun', { 'features/accounts/shared.ts': '' }],
    ['layers', 'platform imports a feature', { 'platform/db/a.ts': "import { x } from '../../features/accounts/keys/index.ts'" }],
    ['layers', 'platform imports a process', { 'platform/db/a.ts': "import '../../processes/api.ts'" }],
    ['layers', 'a feature imports a process', { [`${a}/a.ts`]: "export * from '../../../processes/api.ts'" }],
    ['layers', 'a type-only import counts', { 'platform/db/a.ts': "import type { X } from '../../features/accounts/keys/index.ts'" }],
    ['layers', 'an import() counts', { 'platform/db/a.ts': "await import('../../features/accounts/keys/index.ts')" }],
    ['layers', 'an import() type counts', { 'platform/db/a.ts': "export type X = import('../../features/accounts/keys/index.ts').X" }],
    ['layers', 'a later tier', { [`${a}/a.ts`]: "import { x } from '../../catalog/agents/index.ts'" }],
    ['layers', 'a test past the index', { [`${a}/a.test.ts`]: "import { x } from '../../catalog/agents/agent.ts'" }],
    ['layers', 'past the index', { [`${a}/a.ts`]: "import { x } from '../users/user-store.ts'" }],
    ['layers', 'the index of a subfolder', { [`${a}/a.ts`]: "import { x } from '../users/inner/index.ts'" }],
    ['layers', 'a process past the index', { 'processes/api.ts': "import { x } from '../features/accounts/keys/key.ts'" }],
    ['layers', 'the list past the index', { 'features/index.ts': "import { x } from './accounts/keys/key.ts'" }],
    ['layers', 'a feature imports the list', { [`${a}/a.ts`]: "import { features } from '../../index.ts'" }],
    ['layers', 'product code imports testing', { [`${a}/a.ts`]: "import { world } from '../../../testing/world.ts'" }],
    ['layers', 'product code imports a testing/ of its own', { 'platform/db/a.ts': "import './testing/server.ts'" }],
    ['layers', 'a process imports testing', { 'processes/api.ts': "import { world } from '../testing/world.ts'" }],
    ['packages', 'a package that the server must not know', { [`${a}/a.ts`]: "import { get } from '@appstrate/client'" }],
    ['packages', 'a way around the package name', { [`${a}/a.ts`]: "import { get } from '../../../../../model-server/src/serve.ts'" }],
    ['cycles', 'two files', { 'platform/a.ts': "import './b.ts'", 'platform/b.ts': "export { x } from './a.ts'" }],
    ['cycles', 'three files, one import()', { 'platform/a.ts': "import './b.ts'", 'platform/b.ts': "import './c.ts'", 'platform/c.ts': "await import('./a.ts')" }],
    ['cycles', 'a file itself', { 'platform/a.ts': "import { type X } from './a.ts'" }],
    ['rings', 'two nouns of one tier', { [`${a}/a.ts`]: "import '../users/index.ts'", 'features/accounts/users/b.ts': "import type { K } from '../keys/index.ts'" }],
    ['sql', 'a template tag', { [`${a}/a.ts`]: 'sql<{ a: 1 }>`select 1`.execute(db)' }],
    ['sql', 'a query builder', { [`${a}/a.ts`]: "db\n  .selectFrom('keys')" }],
    ['sql', 'a driver call', { 'platform/http/a.ts': "pool.query('SELECT 1')" }],
    ['sql', 'a named statement', { 'platform/http/a.ts': 'pool.query({ name: "a", text: `delete from ${table}` })' }],
    ['environment', 'by name', { 'platform/config/a.ts': 'const home = process.env.HOME' }],
    ['environment', 'by index', { 'platform/config/a.ts': "const env = process['env']" }],
    ['environment', 'by import', { 'platform/config/a.ts': "import { env as outside } from 'node:process'" }],
    ['environment', 'by destructuring', { 'platform/config/a.ts': 'const { env } = process' }],
    ['names', 'not kebab-case', { 'platform/db/rowMapper.ts': '' }],
    ['names', 'a drawer', { 'platform/db/utils.ts': '' }],
    ['names', 'the test of a drawer', { 'platform/db/helpers.test.ts': '' }],
    ['names', 'a drawer as a folder', { 'platform/common/rows.ts': '' }],
    ['siblings', 'a test alone', { [`${a}/tests/create-key.test.ts`]: '', [`${a}/create-key.ts`]: '' }],
    ['processes', 'one is missing', { 'processes/api.ts': '' }],
  ]

  it.each(broken)('%s catches: %s', (rule, _, files) => {
    expect(rules[rule](treeOf(files))).not.toEqual([])
  })

  it('lets the intended shape pass', () => {
    const files = {
      'processes/api.ts': "import { features } from '../features/index.ts'\nimport './migrate.ts'\nconst { PORT } = process.env",
      'processes/migrate.ts': "import '../platform/db/db.ts'",
      'processes/worker.ts': '',
      'processes/all-in-one.ts': "import { serveScenarios } from '@appstrate/model-server'",
      'features/index.ts': "import { keys } from './accounts/keys/index.ts'\nimport type { Feature } from '../platform/db/db.ts'",
      [`${a}/index.ts`]: "import './create-key.ts'",
      [`${a}/create-key.ts`]: "import type { K } from './index.ts'\nimport { x } from './inner/deep.ts'\npool.query(statement)",
      [`${a}/expiry.test.ts`]: "import { world } from '../../../testing/world.ts'\nimport { x } from '../../catalog/agents/index.ts'",
      'platform/http/api.ts': '',
      'platform/http/whole-api.test.ts': "import { features } from '../../features/index.ts'",
      [`${a}/inner/deep.ts`]: "import { env } from '../../../../platform/db/db.ts'\nconst env = call.env",
      [`${a}/key-store.ts`]: 'sql`select 1`',
      'features/accounts/users/index.ts': "import '../keys/index.ts'",
      'features/catalog/agents/index.ts': "import '../../accounts/keys/index.ts'",
      'platform/db/db.ts': 'export const rows = await db.selectFrom("a")',
      'platform/wake/postgres-wake.ts': "pool.query('select 1')",
      'platform/db/testing/server.ts': "import '../../../testing/world.ts'\nspawn('a', { env: process.env })",
      'testing/world.ts': `import { x } from '../${a}/key-store.ts'`,
    }
    for (const rule of Object.values(rules)) expect(rule(treeOf(files))).toEqual([])
  })
})
