import { parseKeyRing } from '../crypto/key-ring.ts'
import { parseAllowedDestination, type AllowedDestination } from '../addresses/allowed-destination.ts'
import type { ConfigVariables } from '../vocabulary/vocabulary.ts'
import {
  checkOrigin,
  checkProxy,
  list,
  oneOf,
  optionalPath,
  optionalText,
  optionalUrl,
  path,
  publicUrl,
  text,
  whole,
  yesOrNo,
  type Variable,
  type Variables,
} from './variables.ts'

/** The settings that the platform and the processes read. Features declare their own. */
export const platformVariables = {
  PORT: whole({ meaning: 'Port of the HTTP server; 0 picks a free one.', fallback: 3000, min: 0, max: 65_535 }),
  HOST: text({
    meaning: 'Address to listen on. Use `0.0.0.0` to accept connections from other machines.',
    fallback: '127.0.0.1',
  }),
  DATA_DIR: path({
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
  OVERLOAD_WAIT_MS: whole({
    meaning:
      'Milliseconds that requests may wait for each other in a process, on average. ' +
      'Above it, further ones are answered 503 at once, creations first and those of the busiest organization first.',
    fallback: 100,
    min: 20,
    max: 60_000,
  }),
  DATABASE_POOL: whole({
    meaning: 'Connections of this process to the database; half of them are for work in the background.',
    fallback: 10,
    min: 2,
    max: 500,
  }),
  REDIS_URL: optionalUrl(
    'Redis for rate limits, idempotency keys and wake-ups between nodes. Unset: memory and PostgreSQL.',
    ['redis', 'rediss'],
  ),
  LOG_LEVEL: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], {
    meaning: 'Minimum log level.',
    fallback: 'info',
  }),
  TRUST_PROXY: list({
    meaning:
      'Addresses or ranges of the reverse proxies whose `X-Forwarded-For` is trusted; `true` trusts any. ' +
      'A header with text that is not an address is ignored.',
    type: 'comma-separated',
    fallback: [],
    defaultText: '(none)',
    check: checkProxy,
  }),
  DRAIN_SECONDS: whole({
    meaning:
      'How long a process serves requests after SIGTERM, while `/ready` answers 503 and each reply closes its ' +
      'connection. It must be longer than the interval at which load balancers ask `/ready`.',
    fallback: 2,
    min: 0,
    max: 300,
  }),
  BODY_TIMEOUT_SECONDS: whole({
    meaning: 'Time in which the body of a request must arrive. Uploads must instead arrive at 4 KiB/s on average.',
    fallback: 30,
    min: 1,
    max: 3600,
  }),
  CONNECTIONS_PER_ADDRESS: whole({
    meaning:
      'Open connections of one client address, or of one IPv6 /64. Those of the proxies in `TRUST_PROXY` are not ' +
      'counted.',
    fallback: 2000,
    min: 1,
    max: 1_000_000,
  }),
  TRUSTED_ORIGINS: list({
    meaning: 'Further origins whose pages may call the API with cookies.',
    type: 'comma-separated origins',
    fallback: [],
    defaultText: '(only `APP_URL`, or each name of a loopback `HOST`)',
    check: checkOrigin,
  }),
  SMTP_URL: optionalUrl(
    'Mail server for invitations, verification and password resets. Unset: no mail is sent, addresses are not ' +
      'verified, and invitation links are shown to the inviting user.',
    ['smtp', 'smtps'],
  ),
  MAIL_FROM: text({ meaning: 'Sender of mails.', fallback: 'Appstrate <no-reply@localhost>' }),
  ENCRYPTION_KEYS: keyRing(),
  AUTH_SECRET: authSecret(),
  RATE_LIMIT_RUNS: perMinute('starting runs', 20),
  RATE_LIMIT_IMPORT: perMinute('importing packages', 10),
  RATE_LIMIT_CREATE: perMinute('creating resources', 10),
  RATE_LIMIT_DEFAULT: perMinute('everything else', 600),
  RATE_LIMIT_KEY_FACTOR: whole({
    meaning: 'How many times the `RATE_LIMIT_…` numbers an owner may set as the own limits of an API key.',
    fallback: 10,
    min: 1,
    max: 10_000,
  }),
  ALLOW_PRIVATE_ADDRESSES: yesOrNo(
    'Whether model servers and webhooks may have loopback and private addresses; webhooks may then use http too. ' +
      'Link-local, metadata and reserved addresses stay refused.',
    'true with the embedded database and a loopback `HOST`, else false',
  ),
  EGRESS_ALLOW: destinations(
    'Addresses that model servers and webhooks may have besides public ones: `host:port`. The host is a name, an ' +
      'address or a range, and `*` is any port (`ollama:11434,10.0.0.0/8:443,[fd00::1]:*`). ' +
      'A metadata service needs an entry with its own address. Outgoing calls use no proxy.',
  ),
  NODE_EXTRA_CA_CERTS: optionalPath(
    'File of further certificate authorities for outgoing TLS connections. Node itself reads it.',
  ),
  WEBHOOKS_ALLOW_LOCAL: oneOf(['off', 'on'], {
    meaning: 'Replaced by `ALLOW_PRIVATE_ADDRESSES`: `on` still does the same as `ALLOW_PRIVATE_ADDRESSES=true`.',
    fallback: 'off',
  }),
} as const satisfies Variables

declare module '../vocabulary/vocabulary.ts' {
  interface ConfigVariables extends Readonly<typeof platformVariables> {}
}

export type Environment = Readonly<Record<string, string | undefined>>
/** The value of every setting; a misspelt name does not compile. */
export type Config = { readonly [Name in keyof ConfigVariables]: ValueOf<ConfigVariables[Name]> }
type ValueOf<V> = V extends Variable<infer T> ? T : never

interface Declaring {
  readonly variables?: Variables
}

/** One or more settings are invalid; `mistakes` has one line for each. */
export class ConfigMistakes extends Error {
  override readonly name = 'ConfigMistakes'
  readonly mistakes: readonly string[]

  constructor(mistakes: readonly string[]) {
    super(mistakes.join('\n'))
    this.mistakes = mistakes
  }
}

/** Every setting: the platform's, then the features'. No other environment variable is read. */
export function variablesOf(features: readonly Declaring[]): Variables {
  const declared = [platformVariables, ...features.map(({ variables }) => variables ?? {})]
  return Object.fromEntries(declared.flatMap((variables) => Object.entries(variables)))
}

/** Reads the settings from an environment; an empty value counts as not set. Throws ConfigMistakes. */
export function parseConfig(environment: Environment, features: readonly Declaring[]): Config {
  const variables = variablesOf(features)
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
  const contradictions = [...findIncomplete(variables, parsed), ...findContradictions(config)].filter(
    ({ between }) => !between.some((name) => mistakes.has(name)),
  )
  const all = [...mistakes.values(), ...contradictions.map(({ mistake }) => mistake)]
  if (all.length > 0) throw new ConfigMistakes(all)
  return config
}

interface Contradiction {
  readonly between: readonly string[]
  readonly mistake: string
}

function findIncomplete(variables: Variables, parsed: Readonly<Record<string, unknown>>): Contradiction[] {
  return Object.entries(variables).flatMap(([name, { togetherWith }]) => {
    if (togetherWith === undefined || (parsed[name] === undefined) === (parsed[togetherWith] === undefined)) return []
    const between = [name, togetherWith]
    return [{ between, mistake: `${between.join(' and ')} must be set together.` }]
  })
}

function findContradictions(config: Config): Contradiction[] {
  const found: Contradiction[] = []
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
  if (config.ALLOW_PRIVATE_ADDRESSES === false && config.WEBHOOKS_ALLOW_LOCAL === 'on') {
    found.push({
      between: ['ALLOW_PRIVATE_ADDRESSES', 'WEBHOOKS_ALLOW_LOCAL'],
      mistake: 'WEBHOOKS_ALLOW_LOCAL must be off when ALLOW_PRIVATE_ADDRESSES is false: remove it.',
    })
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

function destinations(meaning: string): Variable<readonly AllowedDestination[]> {
  const described = { meaning, type: 'comma-separated host:port', defaultText: '(none)' }
  const texts = list({ ...described, fallback: [] })
  return { ...described, parse: (value) => texts.parse(value).map(parseAllowedDestination) }
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
