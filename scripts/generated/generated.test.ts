import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, inject, it } from 'vitest'
import { features } from '../../packages/server/src/features/index.ts'
import { variablesOf } from '../../packages/server/src/platform/config/config.ts'
import { oneOf } from '../../packages/server/src/platform/config/variables.ts'
import { problemTable } from '../../packages/server/src/platform/http/http-problems.ts'
import { listProblems } from '../../packages/server/src/platform/problems/problem.ts'
import { kitesFeature } from '../../packages/server/src/testing/toy-noun/kites-feature.ts'
import { configTable } from './config-table.ts'
import { errorPages, pageMistakes } from './error-pages.ts'
import { replaceBetween } from './generated-file.ts'
import { listPermissions, permissionsPage } from './permissions-page.ts'

const root = new URL('../../', import.meta.url)
const catalogue = [
  ['toy-not-found', { status: 404, title: 'Toy Not Found' }],
  ['toy-taken', { status: 409, title: 'Toy Taken' }],
] as const
const text = 'No toy has this id: check it, and look at the list of toys.'
const page = `<!-- generated:start -->\nold head\n<!-- generated:end -->\n\n${text}\n`

describe('the repository', () => {
  it('has up-to-date generated files', () => {
    const environment = { ...process.env, CODEGEN_DATABASE_URL: inject('adminDatabaseUrl') }
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [fileURLToPath(new URL('scripts/generate.ts', root)), '--check'],
      { cwd: root, env: environment, encoding: 'utf8' },
    )
    expect(`${stdout}${stderr}`).toBe('')
    expect(status).toBe(0)
  }, 60_000)

  it('has a page for every problem code, and no other pages', () => {
    const names = readdirSync(new URL('docs/errors/', root)).filter((name) => name !== 'README.md')
    const pages = new Map(
      names.map((name) => [name.replace(/\.md$/, ''), readFileSync(new URL(`docs/errors/${name}`, root), 'utf8')]),
    )
    expect(pageMistakes(pages)).toEqual([])
    expect(
      errorPages(pages)
        .map(({ path }) => path.replace('docs/errors/', ''))
        .sort(),
    ).toEqual([...names, 'README.md'].sort())
  })
})

describe('error pages', () => {
  it('get a new head, and keep their hand-written text', () => {
    const [first] = errorPages(new Map([['toy-not-found', page]]), catalogue)
    expect(first).toEqual({
      path: 'docs/errors/toy-not-found.md',
      content: [
        '<!-- generated:start -->\n# Toy Not Found\n',
        '`toy-not-found` · HTTP status 404 · type `https://appstrate.dev/errors/toy-not-found`',
        `<!-- generated:end -->\n\n${text}\n`,
      ].join('\n'),
    })
  })

  it('are created for new codes, and the index lists all of them', () => {
    const files = errorPages(new Map(), catalogue)
    expect(files.map(({ path }) => path)).toEqual([
      'docs/errors/toy-not-found.md',
      'docs/errors/toy-taken.md',
      'docs/errors/README.md',
    ])
    expect(files[2]?.content).toContain('| [`toy-taken`](toy-taken.md) | 409 | Toy Taken |')
  })

  it('are a mistake without a text, or without a code in the catalogue', () => {
    const pages = new Map([
      ['toy-not-found', page],
      ['toy-taken', page.replace(text, 'TODO')],
      ['toy-lost', page],
    ])
    expect(pageMistakes(pages, catalogue)).toEqual([
      'docs/errors/toy-lost.md is about a code that does not exist.',
      'docs/errors/toy-taken.md does not say what to do.',
    ])
  })
})

describe('the permissions page', () => {
  it('lists for each permission its roles, whether keys can have it, and its operations', () => {
    const { content } = permissionsPage([
      { permission: 'toys:break', roles: ['owner', 'member'], isGrantable: true, operations: ['breakToy', 'dropToy'] },
    ])
    expect(content).toContain(
      [
        '| Permission | Owner | Admin | Member | Viewer | Key | For |',
        '|---|:-:|:-:|:-:|:-:|:-:|---|',
        '| `toys:break` | ✓ |  | ✓ |  | ✓ | `breakToy`, `dropToy` |\n',
      ].join('\n'),
    )
  })

  it('has a row for every permission of the product', () => {
    const { path, content } = permissionsPage()
    expect(path).toBe('docs/permissions.md')
    for (const line of ['| `org:delete` | ✓ |  |  |  |  | ', '| `runs:read` | ✓ | ✓ | ✓ | ✓ | ✓ | '])
      expect(content).toContain(line)
  })
})

describe('the generated pages of a new noun', () => {
  const withKites = [...features, kitesFeature]

  it('have a row for its permissions, with the operations that need them', () => {
    const { content } = permissionsPage(listPermissions(withKites))
    expect(content).toContain('| `kites:read` | ✓ | ✓ | ✓ | ✓ | ✓ | `listKites`, `getKite` |')
    expect(content).toContain('| `kites:delete` | ✓ | ✓ |  |  | ✓ | `deleteKite` |')
    expect(permissionsPage().content).not.toContain('kites')
  })

  it('have a page for each of its problem codes', () => {
    const paths = errorPages(new Map(), listProblems(problemTable(withKites))).map(({ path }) => path)
    expect(paths).toEqual(expect.arrayContaining(['docs/errors/kite-not-found.md', 'docs/errors/too-many-kites.md']))
  })

  it('have a row for its variable', () => {
    const { content } = configTable(undefined, variablesOf(withKites))
    expect(content).toContain('| `KITES_MAX` | number 1–1000 | `100` | The most kites of an application. |')
  })
})

describe('the table of settings', () => {
  const settings = { COLOR: oneOf(['red', 'blue'], { meaning: 'Red | or blue.', fallback: 'red' }) }

  it('replaces the text between its markers, and keeps the rest', () => {
    const { content } = configTable('# Toys\n<!-- config:start -->\nold\n<!-- config:end -->\nThe end\n', settings)
    expect(content).toBe(
      [
        '# Toys\n<!-- config:start -->',
        '| Variable | Type | Default | Meaning |\n|---|---|---|---|',
        '| `COLOR` | red, blue | `red` | Red \\| or blue. |',
        '<!-- config:end -->\nThe end\n',
      ].join('\n'),
    )
    expect(configTable(content, settings).content).toBe(content)
  })

  it('creates a README when there is none, and fails when the markers are missing', () => {
    expect(configTable(undefined, settings).content).toMatch(/^<!-- config:start -->\n\| Variable/)
    expect(() => configTable('# Toys\n', settings)).toThrow(
      '<!-- config:start --> and <!-- config:end --> are missing.',
    )
    expect(() => replaceBetween('<!-- a:end --><!-- a:start -->', 'a', 'x')).toThrow('missing')
  })
})
