import { describe, expect, it } from 'vitest'
import { features } from '../../features/index.ts'
import { findConfigPaths } from './config-paths.ts'
import { parseConfig, variablesOf } from './config.ts'
import { path, text } from './variables.ts'

const shared = { ENCRYPTION_KEYS: `1:${Buffer.alloc(32).toString('base64')}`, AUTH_SECRET: 's'.repeat(40) }

function pathsIn(environment: Record<string, string>): string[] {
  const found = findConfigPaths(parseConfig(environment, features), variablesOf(features))
  return found.map(({ name, path: value }) => `${name} ${value}`)
}

describe('the paths that the configuration names', () => {
  it('are DATA_DIR alone by default', () => {
    expect(pathsIn({})).toEqual(['DATA_DIR ./data'])
  })

  it('are those of all variables that hold a path, and those in the query of a URL', () => {
    const database = 'postgres://db/x?sslmode=verify-full&sslrootcert=/etc/ca.pem&sslkey=%2Fetc%2Fkey.pem'
    expect(
      pathsIn({
        ...shared,
        DATA_DIR: 'relative',
        DATABASE_URL: database,
        MODEL_PRICES: 'prices.json',
        NODE_EXTRA_CA_CERTS: '/etc/own.pem',
      }).sort(),
    ).toEqual([
      'DATABASE_URL /etc/ca.pem',
      'DATABASE_URL /etc/key.pem',
      'DATA_DIR relative',
      'MODEL_PRICES prices.json',
      'NODE_EXTRA_CA_CERTS /etc/own.pem',
    ])
    expect(pathsIn({ ...shared, DATABASE_URL: 'postgres://u@localhost/x?host=/run/postgresql' })).toContain(
      'DATABASE_URL /run/postgresql',
    )
  })

  it('include a text that looks like a path, though its variable does not say so', () => {
    const variables = {
      DATA_DIR: path({ meaning: 'A directory.', fallback: 'data' }),
      MAIL_FROM: text({ meaning: 'A text.', fallback: '' }),
      HOST: text({ meaning: 'A text.', fallback: '127.0.0.1' }),
    }
    const config = { ...parseConfig({}, []), MAIL_FROM: '/run/mail', DATA_DIR: 'data' }
    expect(findConfigPaths(config, variables)).toEqual([
      { name: 'DATA_DIR', path: 'data' },
      { name: 'MAIL_FROM', path: '/run/mail' },
    ])
  })

  it('are declared by every variable whose name or meaning says that it holds a path', () => {
    const suspects = Object.entries(variablesOf(features)).filter(
      ([name, { meaning, type }]) =>
        /_(DIR|FILE|PATH|CERTS?|CA|SOCKET)$/.test(name) || /^(Path|File|Directory) /.test(meaning) || type === 'path',
    )
    expect(suspects.map(([name]) => name)).toEqual(expect.arrayContaining(['DATA_DIR', 'MODEL_PRICES']))
    expect(suspects.filter(([, { paths }]) => paths === undefined).map(([name]) => name)).toEqual([])
  })
})
