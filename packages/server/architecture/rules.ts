import { posix } from 'node:path'
import { isTest, placeOf, roomOf, whyNot } from './place.ts'
import type { Import, Source, Tree } from './source-file.ts'

export const ourPackages: Record<string, readonly string[]> = {
  'model-server': [],
  client: [],
  server: ['model-server'],
  runner: ['client'],
  cli: ['client'],
  web: ['client'],
}
const processes = ['all-in-one.ts', 'api.ts', 'migrate.ts', 'worker.ts']
const bannedNames = ['utils', 'util', 'helpers', 'helper', 'common', 'misc', 'types']
// Features keep SQL in stores; platform/ keeps it in db/ and in adapters named postgres-*.
const mayHoldSql =
  /-store\.ts$|^platform\/db\/|^platform\/[a-z/-]+\/postgres-[a-z-]+\.ts$|(^|\/)testing\/|\.(test|conformance)\.ts$/
const mayReadEnvironment = /^processes\/|(^|\/)testing\/|\.(test|conformance)\.ts$/

export const each = (tree: Tree, check: (source: Source) => string[]): string[] => [...tree.values()].flatMap(check)

/** Each rule lists its violations in a tree of sources. */
export const rules = {
  place: (tree: Tree) =>
    each(tree, ({ path }) => (placeOf(path) === undefined ? [`${path}: no such layer, tier or noun`] : [])),
  layers: (tree: Tree) =>
    each(tree, ({ path, imports }) =>
      imports.flatMap(({ target }) => {
        const reason =
          path === 'features/index.ts' && placeOf(target)?.layer === 'processes'
            ? 'the list imports features only'
            : whyNot(path, target)
        return reason === undefined ? [] : [`${path} -> ${target}: ${reason}`]
      }),
    ),
  packages: (tree: Tree) => foreignImports('server', tree),
  cycles: (tree: Tree) => cycles(graph(tree, (from, to) => (to.typeOnly ? [] : [[from, to.target]]))),
  rings: (tree: Tree) =>
    cycles(
      graph(tree, (from, to) => {
        const [a, b] = [roomOf(from), roomOf(to.target)]
        return a && b && a !== b && !isTest(from) ? [[a, b]] : []
      }),
    ),
  sql: (tree: Tree) =>
    each(tree, ({ path, sql }) =>
      sql.length > 0 && !mayHoldSql.test(path) ? [`${path}: ${sql.join(', ')} outside a store`] : [],
    ),
  environment: (tree: Tree) =>
    each(tree, ({ path, readsEnvironment }) =>
      readsEnvironment && !mayReadEnvironment.test(path) ? [`${path}: process.env`] : [],
    ),
  bindings: (tree: Tree) =>
    each(tree, ({ path, sideEffects }) =>
      isTest(path) ? [] : sideEffects.map((statement) => `${path}: ${statement} has no binding and no reason`),
    ),
  names: (tree: Tree) =>
    each(tree, ({ path }) => path.split('/').flatMap((part) => (isGoodName(part) ? [] : [`${path}: "${part}"`]))),
  siblings: (tree: Tree) =>
    each(tree, ({ path }) => (hasSubject(tree, path) ? [] : [`${path}: a test belongs next to its subject`])),
  processes: (tree: Tree) =>
    processes.flatMap((name) => (tree.has(`processes/${name}`) ? [] : [`processes/${name} is missing`])),
} as const

export function foreignImports(name: string, tree: Tree): string[] {
  return each(tree, ({ path, imports }) =>
    imports.flatMap(({ target }) => (mayUse(name, target) ? [] : [`${path} -> ${target}`])),
  )
}

/** Whether a package may import a target in another package of this repository, by name or by relative path. */
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
    for (const [from = '', to = ''] of imports.flatMap((one) => edgesOf(path, one)))
      edges.set(from, (edges.get(from) ?? new Set()).add(to))
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
