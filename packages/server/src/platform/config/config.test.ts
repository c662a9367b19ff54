import { describe, expect, it } from 'vitest'
import { features } from '../../features/index.ts'
import { generateEncryptionKey } from '../crypto/key-ring.ts'
import { ConfigMistakes, parseConfig, variablesOf, type Environment } from './config.ts'

function mistakesOf(environment: Environment): readonly string[] {
  try {
    parseConfig(environment, features)
    return []
  } catch (error) {
    if (error instanceof ConfigMistakes) return error.mistakes
    throw error
  }
}

const ring = generateEncryptionKey('1')
const secret = 'x'.repeat(32)

describe('the configuration', () => {
  it('needs nothing: every variable is optional or has a default', () => {
    expect(parseConfig({}, features)).toMatchObject({
      PORT: 3000,
      HOST: '127.0.0.1',
      DATA_DIR: './data',
      ROLE: 'all',
      DATABASE_URL: undefined,
      RATE_LIMIT_RUNS: 20,
      TRUST_PROXY: [],
      SANDBOX: 'auto',
    })
  })

  it('reads what is set, trimmed; an empty value counts as not set', () => {
    const config = parseConfig(
      {
        PORT: ' 8080 ',
        LOG_LEVEL: '',
        DEMO: 'off',
        TRUSTED_ORIGINS: 'https://a.example, http://localhost:5173',
        TRUST_PROXY: '10.0.0.0/8,::1,loopback',
      },
      features,
    )
    expect(config).toMatchObject({
      PORT: 8080,
      LOG_LEVEL: 'info',
      DEMO: 'off',
      TRUSTED_ORIGINS: ['https://a.example', 'http://localhost:5173'],
      TRUST_PROXY: ['10.0.0.0/8', '::1', 'loopback'],
    })
  })

  it('reports all mistakes and contradictions at once, one clear line each', () => {
    const mistakes = mistakesOf({
      PORT: '70000',
      ROLE: 'master',
      DATABASE_URL: 'mysql://db',
      GOOGLE_CLIENT_ID: 'id',
      RATE_LIMIT_RUNS: '0',
      AUTH_SECRET: 'short',
      TRUST_PROXY: 'true,10.0.0.1',
    })
    expect(mistakes).toEqual([
      'PORT must be a whole number from 0 to 65535, not "70000".',
      'ROLE must be one of all, api, worker, not "master".',
      'DATABASE_URL must be a URL that starts with postgres:// or postgresql://.',
      'AUTH_SECRET must have at least 32 characters.',
      'RATE_LIMIT_RUNS must be a whole number from 1 to 1000000, not "0".',
      'GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET must be set together.',
      'TRUST_PROXY must be true alone, or name the proxies.',
    ])
  })

  it.each([
    ['PORT', ['-1', '1.5', '0x10', '1e3', 'many', '65536']],
    ['LOG_LEVEL', ['verbose', 'INFO']],
    [
      'APP_URL',
      [
        'app.example.com',
        'ftp://app.example.com',
        'javascript:alert(1)',
        'https://ada:hunter2@app.example.com',
        'https://app.example.com/?a=b',
        'https://app.example.com/#a',
        'https://app.example.com?',
      ],
    ],
    ['REDIS_URL', ['localhost:6379', 'http://localhost']],
    [
      'TRUSTED_ORIGINS',
      [
        '*',
        'app.example.com',
        'https://app.example.com/',
        'https://app.example.com/path',
        'https://APP.example.com',
        'null',
        'file:///x',
      ],
    ],
    ['TRUST_PROXY', ['yes', '10.0.0.0/33', '10.0.0', '::1/129', '10.0.0.0/8/8', '10.0.0.0/']],
    ['ENCRYPTION_KEYS', ['nonsense', '1:c2hvcnQ=', `${ring},${ring}`]],
    ['DEMO', ['yes', '1', 'ON']],
    ['FILE_SIZE_MAX', ['0', '100MB']],
    ['SANDBOX', ['docker']],
  ])('refuses a bad %s with one line that begins with its name', (name, values) => {
    for (const value of values) {
      const mistakes = mistakesOf({ [name]: value })
      expect(mistakes, value).toHaveLength(1)
      expect(mistakes[0]).toMatch(new RegExp(`^${name} must .*\\.$|^${name} (each )?key .*\\.$`))
    }
  })

  it('requires the shared secrets with DATABASE_URL, and says how to generate them', () => {
    const mistakes = mistakesOf({ DATABASE_URL: 'postgres://db/x' })
    expect(mistakes).toHaveLength(2)
    expect(mistakes.join()).toMatch(/ENCRYPTION_KEYS is required.*openssl rand.*AUTH_SECRET is required.*openssl rand/s)
    expect(mistakesOf({ DATABASE_URL: 'postgres://db/x', ENCRYPTION_KEYS: ring, AUTH_SECRET: secret })).toEqual([])
  })

  it('refuses several processes on the embedded database', () => {
    expect(mistakesOf({ ROLE: 'worker' })).toEqual([expect.stringContaining('ROLE must be all')])
    expect(
      mistakesOf({ ROLE: 'worker', DATABASE_URL: 'postgres://db/x', ENCRYPTION_KEYS: ring, AUTH_SECRET: secret }),
    ).toEqual([])
  })

  it('never repeats a secret, not even an invalid one', () => {
    const environment = {
      DATABASE_URL: 'mysql://ada:hunter2@db/x',
      REDIS_URL: 'http://:hunter2@redis',
      SMTP_URL: 'imap://ada:hunter2@mail',
      APP_URL: 'ftp://ada:hunter2@app',
      TRUSTED_ORIGINS: 'https://ada:hunter2@app.example.com',
      ENCRYPTION_KEYS: '1:hunter2',
      AUTH_SECRET: 'hunter2',
      GOOGLE_CLIENT_SECRET: 'hunter2',
      GITHUB_CLIENT_SECRET: 'hunter2',
    }
    const mistakes = mistakesOf(environment)
    expect(mistakes).toHaveLength(9)
    expect(mistakes.join('\n')).not.toContain('hunter2')
  })

  it('describes every variable for the table of the README', () => {
    for (const [name, variable] of Object.entries(variablesOf(features))) {
      expect(variable.meaning, name).toMatch(/^[A-Z].*[.]$/)
      expect(variable.type, name).not.toBe('')
    }
  })
})
