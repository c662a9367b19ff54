import { parseKeyRing } from '../crypto/key-ring.ts'
import {
  checkOrigin,
  checkProxy,
  list,
  oneOf,
  optionalText,
  optionalUrl,
  publicUrl,
  text,
  whole,
  type Variable,
} from './variables.ts'

/** Every setting of the server. No other environment variable is read. */
export const variables = {
  PORT: whole({ meaning: 'Port of the HTTP server; 0 picks a free one.', fallback: 3000, min: 0, max: 65_535 }),
  HOST: text({
    meaning: 'Address to listen on. Use `0.0.0.0` to accept connections from other machines.',
    fallback: '127.0.0.1',
  }),
  DATA_DIR: text({
    meaning: 'Directory of the embedded database, uploaded files, workspaces and generated secrets.',
    fallback: './data',
  }),
  APP_URL: publicUrl('The URL that browsers and mails use. Default: the address that the server listens on.'),
  ROLE: oneOf(['all', 'api', 'worker'], {
    meaning: 'What this process does: serve the API, execute runs, or both.',
    fallback: 'all',
  }),
  DATABASE_URL: optionalUrl('Your own PostgreSQL (15 or newer). Unset: an embedded one in `DATA_DIR`.', [
    'postgres',
    'postgresql',
  ]),
  DATABASE_POOL: whole({ meaning: 'Connections of this process to the database.', fallback: 10, min: 2, max: 500 }),
  REDIS_URL: optionalUrl(
    'Redis for rate limits, idempotency keys and wake-ups between nodes. Unset: memory and PostgreSQL.',
    ['redis', 'rediss'],
  ),
  LOG_LEVEL: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], {
    meaning: 'Minimum log level.',
    fallback: 'info',
  }),
  TRUST_PROXY: list({
    meaning: 'Addresses or ranges of the reverse proxies whose `X-Forwarded-For` is trusted; `true` trusts any.',
    type: 'comma-separated',
    fallback: [],
    defaultText: '(none)',
    check: checkProxy,
  }),
  TRUSTED_ORIGINS: list({
    meaning: 'Further origins whose pages may call the API with cookies.',
    type: 'comma-separated origins',
    fallback: [],
    defaultText: '(only `APP_URL`)',
    check: checkOrigin,
  }),
  SMTP_URL: optionalUrl(
    'Mail server for invitations, verification and password resets. Unset: no mail is sent, addresses are not ' +
      'verified, and invitation links are shown to the inviting user.',
    ['smtp', 'smtps'],
  ),
  MAIL_FROM: text({ meaning: 'Sender of mails.', fallback: 'Appstrate <no-reply@localhost>' }),
  GOOGLE_CLIENT_ID: optionalText('Sign-in with Google; needs the secret too.'),
  GOOGLE_CLIENT_SECRET: optionalText('Sign-in with Google; needs the id too.', 'secret'),
  GITHUB_CLIENT_ID: optionalText('Sign-in with GitHub; needs the secret too.'),
  GITHUB_CLIENT_SECRET: optionalText('Sign-in with GitHub; needs the id too.', 'secret'),
  ENCRYPTION_KEYS: keyRing(),
  AUTH_SECRET: authSecret(),
  RATE_LIMIT_RUNS: perMinute('starting runs', 20),
  RATE_LIMIT_IMPORT: perMinute('importing packages', 10),
  RATE_LIMIT_CREATE: perMinute('creating resources', 10),
  RATE_LIMIT_DEFAULT: perMinute('everything else', 600),
  SANDBOX: oneOf(['auto', 'bubblewrap', 'unshare', 'off'], {
    meaning:
      'How tool code is isolated. `auto` uses bubblewrap, else `unshare`. If neither works, or with `off`, ' +
      'sandbox tools are refused.',
    fallback: 'auto',
  }),
  FILE_SIZE_MAX: whole({
    meaning: 'Largest uploaded file in bytes.',
    fallback: 104_857_600,
    min: 1,
    max: 10_737_418_240,
  }),
  RUNS_CONCURRENT: whole({ meaning: 'Runs that one process executes at a time.', fallback: 1000, min: 1, max: 20_000 }),
  SANDBOXES_CONCURRENT: whole({
    meaning: 'Tool executions in sandboxes at a time, per process.',
    fallback: 8,
    min: 1,
    max: 1000,
  }),
  WEBHOOKS_ALLOW_LOCAL: oneOf(['off', 'on'], {
    meaning: 'For local use: webhooks may also use http, and loopback and private addresses.',
    fallback: 'off',
  }),
  MODEL_PRICES: optionalText('Path of a JSON file that overrides or extends the price table.', 'path'),
  DEMO: oneOf(['auto', 'on', 'off'], {
    meaning:
      'On the first boot of an empty instance, create an owner, an application, an API key and a demo agent. ' +
      '`auto`: only with the embedded database.',
    fallback: 'auto',
  }),
} as const satisfies Record<string, Variable<unknown>>

export type Environment = Readonly<Record<string, string | undefined>>
export type Config = { readonly [Name in keyof typeof variables]: ReturnType<(typeof variables)[Name]['parse']> }

/** One or more settings are invalid; `mistakes` has one line for each. */
export class ConfigMistakes extends Error {
  override readonly name = 'ConfigMistakes'
  readonly mistakes: readonly string[]

  constructor(mistakes: readonly string[]) {
    super(mistakes.join('\n'))
    this.mistakes = mistakes
  }
}

/** Reads the settings from an environment; an empty value counts as not set. Throws ConfigMistakes. */
export function parseConfig(environment: Environment): Config {
  const mistakes = new Map<string, string>()
  const parsed: Record<string, unknown> = {}
  for (const [name, variable] of Object.entries(variables)) {
    try {
      parsed[name] = variable.parse(environment[name]?.trim() === '' ? undefined : environment[name]?.trim())
    } catch (error) {
      mistakes.set(name, `${name} ${error instanceof Error ? error.message : 'is not valid'}.`)
    }
  }
  // Each name was parsed by its own variable, but TypeScript cannot infer that from the loop.
  const config = parsed as Config
  // Skip contradictions that involve an invalid setting: its value is unknown.
  const contradictions = findContradictions(config).filter(({ between }) => !between.some((name) => mistakes.has(name)))
  const all = [...mistakes.values(), ...contradictions.map(({ mistake }) => mistake)]
  if (all.length > 0) throw new ConfigMistakes(all)
  return config
}

interface Contradiction {
  readonly between: readonly (keyof Config)[]
  readonly mistake: string
}

function findContradictions(config: Config): Contradiction[] {
  const found: Contradiction[] = []
  for (const provider of ['GOOGLE', 'GITHUB'] as const) {
    const between = [`${provider}_CLIENT_ID`, `${provider}_CLIENT_SECRET`] as const
    const given = between.filter((name) => config[name] !== undefined)
    if (given.length === 1) found.push({ between, mistake: `${between.join(' and ')} must be set together.` })
  }
  for (const name of ['ENCRYPTION_KEYS', 'AUTH_SECRET'] as const) {
    if (config.DATABASE_URL === undefined || config[name] !== undefined) continue
    found.push({
      between: ['DATABASE_URL', name],
      mistake: `${name} is required with DATABASE_URL: every node needs the same one. ${howToMake[name]}`,
    })
  }
  if (Array.isArray(config.TRUST_PROXY) && config.TRUST_PROXY.length > 1 && config.TRUST_PROXY.includes('true')) {
    found.push({ between: ['TRUST_PROXY'], mistake: 'TRUST_PROXY must be true alone, or name the proxies.' })
  }
  if (config.DATABASE_URL === undefined && config.ROLE !== 'all') {
    found.push({
      between: ['DATABASE_URL', 'ROLE'],
      mistake: 'ROLE must be all with the embedded database: set DATABASE_URL to run several processes.',
    })
  }
  return found
}

const howToMake = {
  ENCRYPTION_KEYS: 'Generate one with: echo "1:$(openssl rand -base64 32)"',
  AUTH_SECRET: 'Generate one with: openssl rand -base64 32',
} as const

function perMinute(what: string, fallback: number): Variable<number> {
  return whole({ meaning: `Requests per minute and caller for ${what}.`, fallback, min: 1, max: 1_000_000 })
}

function keyRing(): Variable<string | undefined> {
  const meaning =
    'Keys that encrypt stored secrets: `<version>:<base64 of 32 bytes>`, comma-separated, the newest last. ' +
    'Generated in `DATA_DIR` with the embedded database.'
  return {
    ...optionalText(meaning, 'secret'),
    parse(value) {
      if (value !== undefined) parseKeyRing(value)
      return value
    },
  }
}

function authSecret(): Variable<string | undefined> {
  const meaning = 'Signs session cookies; at least 32 characters. Generated in `DATA_DIR` with the embedded database.'
  return {
    ...optionalText(meaning, 'secret'),
    parse(value) {
      if (value !== undefined && value.length < 32) throw new Error('must have at least 32 characters')
      return value
    },
  }
}
