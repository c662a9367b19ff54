import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readTree, treeOf } from './read-tree.ts'
import { each, foreignImports, ourPackages, rules } from './rules.ts'

const serverDir = join(import.meta.dirname, '..')
const packagesDir = join(serverDir, '..')

describe('the server', () => {
  const tree = readTree(join(serverDir, 'src'))

  it('is read completely: files, imports, SQL and environment access', () => {
    expect(tree.size).toBeGreaterThan(50)
    expect(
      each(tree, ({ imports }) => imports.filter(({ target }) => tree.has(target)).map(({ target }) => target)).length,
    ).toBeGreaterThan(tree.size)
    expect(each(tree, ({ sql }) => [...sql]).length).toBeGreaterThan(5)
  })

  it.each(Object.entries(rules))('keeps the rule: %s', (_, rule) => {
    expect(rule(tree)).toEqual([])
  })
})

describe('the packages', () => {
  const names = readdirSync(packagesDir).filter((name) => name !== 'node_modules' && !name.startsWith('.'))

  it.each(names)('%s is in the table and imports only what the table allows', (name) => {
    expect(Object.keys(ourPackages)).toContain(name)
    expect(foreignImports(name, readTree(join(packagesDir, name, 'src')))).toEqual([])
  })
})

describe('each rule', () => {
  const a = 'features/accounts/keys'
  const broken: [keyof typeof rules, string, Record<string, string>][] = [
    ['place', 'a file outside the layers', { 'app.ts': '' }],
    ['place', 'an unknown tier', { 'features/billing/invoices/index.ts': '' }],
    ['place', 'a file in a tier, outside a noun', { 'features/accounts/shared.ts': '' }],
    [
      'layers',
      'platform imports a feature',
      { 'platform/db/a.ts': "import { x } from '../../features/accounts/keys/index.ts'" },
    ],
    ['layers', 'platform imports a process', { 'platform/db/a.ts': "import '../../processes/api.ts'" }],
    ['layers', 'a feature imports a process', { [`${a}/a.ts`]: "export * from '../../../processes/api.ts'" }],
    [
      'layers',
      'a type-only import counts',
      { 'platform/db/a.ts': "import type { X } from '../../features/accounts/keys/index.ts'" },
    ],
    ['layers', 'an import() counts', { 'platform/db/a.ts': "await import('../../features/accounts/keys/index.ts')" }],
    [
      'layers',
      'an import() type counts',
      { 'platform/db/a.ts': "export type X = import('../../features/accounts/keys/index.ts').X" },
    ],
    [
      'layers',
      'a feature imports a later tier',
      { [`${a}/a.ts`]: "import { x } from '../../catalog/agents/index.ts'" },
    ],
    [
      'layers',
      'a test bypasses the index',
      { [`${a}/a.test.ts`]: "import { x } from '../../catalog/agents/agent.ts'" },
    ],
    ['layers', 'a feature bypasses the index', { [`${a}/a.ts`]: "import { x } from '../users/user-store.ts'" }],
    ['layers', 'the index of a subfolder', { [`${a}/a.ts`]: "import { x } from '../users/inner/index.ts'" }],
    [
      'layers',
      'a process bypasses the index',
      { 'processes/api.ts': "import { x } from '../features/accounts/keys/key.ts'" },
    ],
    ['layers', 'the list bypasses the index', { 'features/index.ts': "import { x } from './accounts/keys/key.ts'" }],
    ['layers', 'a feature imports the list', { [`${a}/a.ts`]: "import { features } from '../../index.ts'" }],
    ['layers', 'product code imports testing', { [`${a}/a.ts`]: "import { world } from '../../../testing/world.ts'" }],
    [
      'layers',
      'product code imports the testing/ folder next to it',
      { 'platform/db/a.ts': "import './testing/server.ts'" },
    ],
    ['layers', 'a process imports testing', { 'processes/api.ts': "import { world } from '../testing/world.ts'" }],
    [
      'packages',
      'a package that the server must not know',
      { [`${a}/a.ts`]: "import { get } from '@appstrate/client'" },
    ],
    [
      'packages',
      'a relative path instead of the package name',
      { [`${a}/a.ts`]: "import { get } from '../../../../../model-server/src/serve.ts'" },
    ],
    ['cycles', 'two files', { 'platform/a.ts': "import './b.ts'", 'platform/b.ts': "export { x } from './a.ts'" }],
    [
      'cycles',
      'three files, one import()',
      {
        'platform/a.ts': "import './b.ts'",
        'platform/b.ts': "import './c.ts'",
        'platform/c.ts': "await import('./a.ts')",
      },
    ],
    ['cycles', 'a file itself', { 'platform/a.ts': "import { type X } from './a.ts'" }],
    [
      'rings',
      'two nouns of one tier',
      {
        [`${a}/a.ts`]: "import '../users/index.ts'",
        'features/accounts/users/b.ts': "import type { K } from '../keys/index.ts'",
      },
    ],
    [
      'rings',
      'two folders of the platform',
      {
        'platform/http/a.ts': "import type { Job } from '../jobs/job.ts'",
        'platform/jobs/jobs-of.ts': "import type { Feature } from '../http/feature.ts'",
      },
    ],
    ['sql', 'a template tag', { [`${a}/a.ts`]: 'sql<{ a: 1 }>`select 1`.execute(db)' }],
    ['sql', 'a query builder', { [`${a}/a.ts`]: "db\n  .selectFrom('keys')" }],
    ['sql', 'a driver call', { 'platform/http/a.ts': "pool.query('SELECT 1')" }],
    ['sql', 'a named statement', { 'platform/http/a.ts': 'pool.query({ name: "a", text: `delete from ${table}` })' }],
    ['environment', 'by name', { 'platform/config/a.ts': 'const home = process.env.HOME' }],
    ['environment', 'by index', { 'platform/config/a.ts': "const env = process['env']" }],
    ['environment', 'by import', { 'platform/config/a.ts': "import { env as outside } from 'node:process'" }],
    ['environment', 'by destructuring', { 'platform/config/a.ts': 'const { env } = process' }],
    ['bindings', 'an import for its side effect', { 'platform/db/a.ts': "import './b.ts'" }],
    ['names', 'not kebab-case', { 'platform/db/rowMapper.ts': '' }],
    ['names', 'a catch-all name', { 'platform/db/utils.ts': '' }],
    ['names', 'the test of a catch-all file', { 'platform/db/helpers.test.ts': '' }],
    ['names', 'a catch-all folder', { 'platform/common/rows.ts': '' }],
    [
      'siblings',
      'a test that is not next to its subject',
      { [`${a}/tests/create-key.test.ts`]: '', [`${a}/create-key.ts`]: '' },
    ],
    ['processes', 'a missing process', { 'processes/api.ts': '' }],
  ]

  it.each(broken)('%s catches: %s', (rule, _, files) => {
    expect(rules[rule](treeOf(files))).not.toEqual([])
  })

  it('accepts the intended structure', () => {
    const files = {
      'processes/api.ts':
        "import { features } from '../features/index.ts'\nimport { x } from './migrate.ts'\n" +
        'const { PORT } = process.env',
      'processes/migrate.ts': "// Registers the driver.\nimport '../platform/db/db.ts'",
      'processes/worker.ts': '',
      'processes/all-in-one.ts': "import { serveScenarios } from '@appstrate/model-server'",
      'features/index.ts':
        "import { keys } from './accounts/keys/index.ts'\nimport type { Feature } from '../platform/db/db.ts'",
      [`${a}/index.ts`]: "import { x } from './create-key.ts'",
      [`${a}/create-key.ts`]:
        "import type { K } from './index.ts'\nimport { x } from './inner/deep.ts'\npool.query(statement)",
      [`${a}/expiry.test.ts`]:
        "import { world } from '../../../testing/world.ts'\nimport { x } from '../../catalog/agents/index.ts'",
      'platform/http/api.ts': '',
      'platform/http/whole-api.test.ts': "import { features } from '../../features/index.ts'",
      [`${a}/inner/deep.ts`]: "import { env } from '../../../../platform/db/db.ts'\nconst env = call.env",
      [`${a}/key-store.ts`]: 'sql`select 1`',
      'features/accounts/users/index.ts': "import { x } from '../keys/index.ts'",
      'features/catalog/agents/index.ts': "import { x } from '../../accounts/keys/index.ts'",
      'platform/db/db.ts': 'export const rows = await db.selectFrom("a")',
      'platform/wake/postgres-wake.ts': "pool.query('select 1')",
      'platform/db/testing/server.ts': "import '../../../testing/world.ts'\nspawn('a', { env: process.env })",
      'testing/world.ts': `import { x } from '../${a}/key-store.ts'`,
    }
    for (const rule of Object.values(rules)) expect(rule(treeOf(files))).toEqual([])
  })
})
