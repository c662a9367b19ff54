import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readTree, treeOf } from './read-tree.ts'
import { tablesOf, tableViolations } from './table-rule.ts'
import { tablesInSql } from './tables-in-sql.ts'

const serverDir = join(import.meta.dirname, '..')
const migrationsDir = join(serverDir, 'migrations')

describe('the server', () => {
  const tree = readTree(join(serverDir, 'src'))
  const tables = tablesOf([
    ...readdirSync(migrationsDir).map((name) => readFileSync(join(migrationsDir, name), 'utf8')),
    // The table of the migrations themselves.
    readFileSync(join(serverDir, 'src/platform/db/migrate.ts'), 'utf8'),
  ])

  it('is read: tables and their users are seen', () => {
    expect(tables.size).toBeGreaterThan(20)
    const used = [...tree.values()].flatMap(({ tables: { names } }) => names.filter((name) => tables.has(name)))
    expect(new Set(used).size).toBeGreaterThan(20)
  })

  it('has one owner for each table, and only the owner names it', () => {
    expect(tableViolations(tree, tables)).toEqual([])
  })
})

describe('the rule', () => {
  const tables = new Set(['keys', 'users', 'outbox'])
  const outside = [{ table: 'outbox', owner: 'platform/outbox' }]
  const keys = 'features/accounts/keys'
  const users = 'features/accounts/users'
  const owners = {
    [`${keys}/index.ts`]: "feature({ folder: 'accounts/keys', owns: ['keys'] })",
    [`${users}/index.ts`]: "feature({ folder: 'accounts/users', owns: ['users'] })",
  }
  const violationsOf = (files: Record<string, string>) =>
    tableViolations(treeOf({ ...owners, ...files }), tables, outside)
  const inStore = (text: string) => violationsOf({ [`${keys}/key-store.ts`]: text })

  it.each([
    ['no owner', { [`${users}/index.ts`]: 'feature({ owns: [] })' }],
    ['two owners', { 'features/catalog/b/index.ts': "feature({ owns: ['users'] })" }],
    ['an owner of what no migration creates', { 'features/catalog/b/index.ts': "feature({ owns: ['agents'] })" }],
    ['a platform file', { 'platform/http/postgres-a.ts': 'sql`select from keys`' }],
    ['another folder of the platform', { 'platform/http/postgres-a.ts': 'sql`select from outbox`' }],
    ['a feature that names a table of the platform', { [`${keys}/a-store.ts`]: 'sql`delete from outbox`' }],
    ['a process', { 'processes/api.ts': "db.selectFrom('keys')" }],
    ['a later tier', { 'features/delivery/hooks/hook-store.ts': "db.selectFrom('keys')" }],
    [
      'a table that is shared with another folder',
      {
        [`${users}/index.ts`]: "feature({ owns: ['users'], sharedWith: { users: ['accounts/profile'] } })",
        [`${keys}/key-store.ts`]: 'sql`select from users`',
      },
    ],
  ])('catches: %s', (_, files) => {
    expect(violationsOf(files)).toHaveLength(1)
  })

  it.each([
    'sql`select * from users where id = 1`',
    'sql`select 1 from keys k join users u on true`',
    'sql`select 1 from keys, users`',
    'sql`select 1 from keys as k, lateral (select 1) x, users u`',
    'sql`select 1 from keys where exists (select from users)`',
    'sql`select 1 from unnest($1) as given(id) join public.users on true`',
    'sql`insert into users (id) values (1)`',
    'sql`insert into users select * from keys`',
    'sql`update users set name = 1`',
    'sql`update keys k set name = 1 from users u`',
    'sql`delete from users`',
    'sql`delete from keys k using users u`',
    'sql`truncate table users`',
    'sql`merge into keys using users on true`',
    'sql`with a as (delete from users returning id) select from a`',
    'sql`with users as (select * from users) select * from users`',
    'sql`SELECT * FROM "users"`',
    'sql`select ${a} from ${b} x join users on true`',
    'sql<{ a: 1 }>`${sql`select from users`}`',
    "const statement = 'select a ' + 'from users'",
    'CompiledQuery.raw(`select * from users where ${where}`)',
    "const part = ' left join users u on true'",
    "pool.query('select * from users')",
    "pool.query({ text: 'delete from users' })",
    "db.selectFrom('users')",
    "db.selectFrom('users as u')",
    "db.selectFrom(['keys', 'users as u'])",
    "db.insertInto('users')",
    "db.updateTable('users as u')",
    "db.updateTable('keys').from('users')",
    "db.deleteFrom('users')",
    "db.deleteFrom('keys').using('users')",
    "db.selectFrom('keys as k').innerJoin('users as u', 'u.id', 'k.id')",
    "db.selectFrom('keys as k').leftJoin('users as u', (join) => join)",
    "db.selectFrom((eb) => eb.selectFrom('users').as('u'))",
    "sql`select from ${sql.table('users')}`",
    "sql`select from ${sql.id('users')}`",
    "sql.raw('users')",
    "removalFrom('users', 'organization_id')",
    "removalFrom('keys', 'user_id', (id) => sql`select id from users where organization_id = ${id}`)",
    "const part = 'exists (select from users)'",
    "const part = '(select id from users)'",
    'const part = `, lateral (select from users) u`',
  ])('sees a foreign table in: %s', (text) => {
    expect(inStore(text)).toEqual([`${keys}/key-store.ts: names the table users of accounts/users`])
  })

  it.each([
    'sql`select from ${sql.table(name)}`',
    'db.selectFrom(name)',
    'db.selectFrom(`${name} as n`)',
    "db.selectFrom('keys as k').innerJoin(table, 'a', 'b')",
    'pool.query(`delete from ${table}`)',
    "const statement = 'select * from ' + table",
    "removalFrom(table, 'organization_id')",
    "removalFrom(`${noun}s`, 'organization_id')",
    "removalFrom(tableOf(noun), 'organization_id')",
  ])('sees a table from a variable in: %s', (text) => {
    expect(inStore(text)).toHaveLength(1)
  })

  it.each([
    'sql`select users.id, $1 as users from keys as users`',
    'sql`with users as (select * from keys) select * from users`',
    'sql`with recursive a (id) as (select 1), users (id) as materialized (select 1) select from users`',
    "db.with('users', (q) => q.selectFrom('keys')).selectFrom('users')",
    "sql`select 'from users' -- from users\n from keys`",
    'sql`select from keys where name is distinct from users`',
    'sql`select from keys for no key update of users`',
    'sql`select from users(1)`',
    'sql`select from ${rowsOf(id)} as users`',
    "db.selectFrom('keys').innerJoin(userNames(db).as('users'), 'a', 'b')",
    "const text = 'Get the keys from users.'",
    'Array.from(keys)',
  ])('lets pass: %s', (text) => {
    expect(inStore(text)).toEqual([])
  })

  it('lets the owner, its subfolders, those it shares with, and tests name a table', () => {
    expect(
      violationsOf({
        [`${users}/index.ts`]: "feature({ owns: ['users'], sharedWith: { users: ['accounts/profile'] } })",
        [`${users}/inner/user-store.ts`]: 'sql`select from users`',
        'features/accounts/profile/profile-store.ts': 'sql`select from users`',
        [`${keys}/key.test.ts`]: 'sql`select from users`',
        [`${keys}/testing/fill.ts`]: 'sql`select from users`',
        'testing/world.ts': 'sql.table(name)',
        'platform/outbox/postgres-outbox.ts': 'sql`insert into outbox (id) values (1)`',
      }),
    ).toEqual([])
  })

  it('holds for a new noun: it may name the table that it owns, and no other', () => {
    const toyDir = join(serverDir, 'src/testing/toy-noun')
    const noun = 'features/execution/kites'
    const sources = Object.fromEntries(
      ['kite-store.ts', 'kites-feature.ts'].map((name) => [
        `${noun}/${name}`,
        readFileSync(join(toyDir, name), 'utf8'),
      ]),
    )
    const violationsIn = (extra: Record<string, string>) =>
      tableViolations(treeOf({ ...owners, ...sources, ...extra }), new Set([...tables, 'kites']), outside)
    expect(violationsIn({})).toEqual([])
    expect(violationsIn({ [`${noun}/find-owners.ts`]: 'sql`select from kites join users on true`' })).toEqual([
      `${noun}/find-owners.ts: names the table users of accounts/users`,
    ])
    expect(violationsIn({ [`${users}/user-store.ts`]: 'sql`select from kites`' })).toEqual([
      `${users}/user-store.ts: names the table kites of execution/kites`,
    ])
  })

  it('knows tables by the migrations', () => {
    expect(tablesOf(['create table a (id int);\ncreate table if not exists b ();', 'CREATE TABLE c ()'])).toEqual(
      new Set(['a', 'b', 'c']),
    )
  })

  it('marks what a template fills in', () => {
    expect(tablesInSql('select from ¤ as a join b on true')).toEqual(['¤', 'b'])
  })
})
