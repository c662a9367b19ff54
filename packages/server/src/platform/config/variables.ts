import { isIPv4, isIPv6 } from 'node:net'

/** One environment variable: its parser and its meaning. The README's table is generated from these. */
export interface Variable<T> {
  readonly meaning: string
  /** As shown in the table. */
  readonly type: string
  /** As shown in the table; undefined if the variable is optional and off by default. */
  readonly defaultText: string | undefined
  /** Another variable: both must be set, or neither. */
  readonly togetherWith?: string
  /** The paths of files and directories that a value names. Sandboxes do not show them. */
  paths?(value: T): readonly string[]
  /** Throws an Error whose message completes "<NAME> …". */
  parse(text: string | undefined): T
}

/** The variables that the platform or a feature declares, by name. */
export type Variables = Readonly<Record<string, Variable<unknown>>>

interface Settings<T> {
  readonly meaning: string
  readonly fallback: T
  readonly defaultText?: string
}

export function text(settings: Settings<string>): Variable<string> {
  return {
    ...settings,
    type: 'text',
    defaultText: settings.defaultText ?? settings.fallback,
    parse: (value) => value ?? settings.fallback,
  }
}

export function optionalText(meaning: string, type = 'text'): Variable<string | undefined> {
  return { meaning, type, defaultText: undefined, parse: (value) => value }
}

/** The path of a file or directory. */
export function path(settings: Settings<string>): Variable<string> {
  return { ...text(settings), type: 'path', paths: (value) => [value] }
}

export function optionalPath(meaning: string): Variable<string | undefined> {
  return { ...optionalText(meaning, 'path'), paths: (value) => (value === undefined ? [] : [value]) }
}

export function whole(settings: Settings<number> & { readonly min: number; readonly max: number }): Variable<number> {
  return {
    ...settings,
    type: `number ${settings.min}–${settings.max}`,
    defaultText: String(settings.fallback),
    parse(value) {
      if (value === undefined) return settings.fallback
      const parsed = Number(value)
      if (/^\d+$/.test(value) && parsed >= settings.min && parsed <= settings.max) return parsed
      throw new Error(`must be a whole number from ${settings.min} to ${settings.max}, not ${JSON.stringify(value)}`)
    },
  }
}

/** A number that limits something, or null for `unlimited`. */
export function limit(
  settings: Omit<Settings<number | null>, 'defaultText'> & { readonly max: number },
): Variable<number | null> {
  const { max, fallback } = settings
  const number = whole({ meaning: settings.meaning, fallback: fallback ?? 0, min: 0, max })
  return {
    ...settings,
    type: `number 0–${max} | unlimited`,
    defaultText: fallback === null ? 'unlimited' : String(fallback),
    parse(value) {
      if (value === undefined || value === 'unlimited') return value === undefined ? fallback : null
      try {
        return number.parse(value)
      } catch {
        throw new Error(`must be a whole number from 0 to ${max}, or unlimited, not ${JSON.stringify(value)}`)
      }
    },
  }
}

export function oneOf<const T extends string>(
  values: readonly T[],
  settings: { readonly meaning: string; readonly fallback: T },
): Variable<T> {
  return {
    meaning: settings.meaning,
    type: values.join(' | '),
    defaultText: settings.fallback,
    parse(value) {
      if (value === undefined) return settings.fallback
      const known = values.find((candidate) => candidate === value)
      if (known !== undefined) return known
      throw new Error(`must be one of ${values.join(', ')}, not ${JSON.stringify(value)}`)
    },
  }
}

/** True, false, or undefined where another setting decides; `defaultText` says how. */
export function yesOrNo(meaning: string, defaultText: string): Variable<boolean | undefined> {
  return {
    meaning,
    type: 'true | false',
    defaultText: `(${defaultText})`,
    parse(value) {
      if (value === undefined || value === 'true' || value === 'false')
        return value === undefined ? undefined : value === 'true'
      throw new Error(`must be true or false, not ${JSON.stringify(value)}`)
    },
  }
}

export function optionalUrl(meaning: string, protocols: readonly string[]): Variable<string | undefined> {
  return {
    meaning,
    type: `URL (${protocols.join(', ')})`,
    defaultText: undefined,
    paths: (value) => (value === undefined ? [] : pathsInUrl(value)),
    parse: (value) => (value === undefined ? undefined : checkUrl(value, protocols)),
  }
}

/** A public base URL, to which paths are appended: without credentials, query and fragment. */
export function publicUrl(meaning: string): Variable<string | undefined> {
  const variable = optionalUrl(meaning, ['http', 'https'])
  return {
    ...variable,
    parse(value) {
      const url = variable.parse(value)
      if (url === undefined || !/[?#@]/.test(url)) return url
      throw new Error('must have no credentials, query or fragment')
    },
  }
}

export function list(
  settings: Settings<readonly string[]> & { readonly type: string; readonly check?: (item: string) => void },
): Variable<readonly string[]> {
  return {
    ...settings,
    defaultText: settings.defaultText ?? settings.fallback.join(','),
    parse(value) {
      if (value === undefined) return settings.fallback
      const items = value
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== '')
      if (settings.check !== undefined) items.forEach(settings.check)
      return items
    },
  }
}

/** Such as the certificate in `?sslrootcert=/etc/ca.pem`, or the directory of a socket in `?host=/run/postgresql`. */
function pathsInUrl(value: string): string[] {
  return [...new URL(value).searchParams.values()].filter((item) => item.startsWith('/'))
}

/** Returns a valid URL with an allowed protocol. The error never repeats the value, which may contain a password. */
function checkUrl(value: string, protocols: readonly string[]): string {
  if (URL.canParse(value) && protocols.includes(new URL(value).protocol.replace(':', ''))) return value
  throw new Error(`must be a URL that starts with ${protocols.map((protocol) => `${protocol}://`).join(' or ')}`)
}

/** Accepts the form that a browser sends as `Origin`: scheme, host and port, without a path. */
export function checkOrigin(value: string): void {
  if (URL.canParse(value) && new URL(value).origin === value && /^https?:/.test(value)) return
  throw new Error(
    `must be origins such as https://app.example.com, without a path, ` +
      `not ${JSON.stringify(withoutUserInfo(value))}`,
  )
}

/** Accepts an address, a range in CIDR notation, `loopback`, `linklocal`, `uniquelocal` or `true`. */
export function checkProxy(value: string): void {
  const [address = '', bits, ...rest] = value.split('/')
  const bitsMax = isIPv4(address) ? 32 : isIPv6(address) ? 128 : -1
  const isRange =
    bitsMax > 0 && rest.length === 0 && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= bitsMax))
  if (isRange || proxyWords.has(value)) return
  throw new Error(`must be addresses or ranges such as 10.0.0.0/8, or \`true\` alone, not ${JSON.stringify(value)}`)
}

const proxyWords: ReadonlySet<string> = new Set(['true', 'loopback', 'linklocal', 'uniquelocal'])

function withoutUserInfo(value: string): string {
  return value.replace(/\/\/[^/@]*@/, '//…@')
}
