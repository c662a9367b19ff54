import { pino, type DestinationStream, type Logger } from 'pino'
import { openStandardOutput } from './log-output.ts'

export type Log = Logger

const secretNames = [
  'authorization',
  'cookie',
  'password',
  'token',
  'apiKey',
  'secret',
  'encryptedKey',
  'accessToken',
  'refreshToken',
  'idToken',
]
const secretPaths = [
  ...secretNames,
  ...secretNames.map((name) => `*.${name}`),
  'req.headers.authorization',
  'req.headers.cookie',
  'res.headers["set-cookie"]',
]

/** The process's logger: JSON lines on stdout. Replaces fields that hold secrets, and masks secrets in texts. */
export function createLog(level: string, destination: DestinationStream = openStandardOutput()): Log {
  const options = { level, base: null, redact: { paths: secretPaths, censor: '[redacted]' } }
  // Mask the whole line: an error's message or stack can quote a URL or a header without a field name.
  return pino(options, { write: (line) => destination.write(maskSecrets(line)) })
}

const secretInQuery = /([?&](?:token|access_token|key|code|state)=)[^&#\s"'\\]*/gi
// A whole secret is also found inside a word; its beginning only where a word starts: in `ask_`, not in `task_`.
const bearerSecret = /\b(ask|rtk|etk|whsec)_[A-Za-z0-9_-]{8,}|(ask|rtk|etk|whsec)_[A-Za-z0-9_-]{32,}/g
const sessionCookie = /(session_(?:token|data)=)[^;\s"'\\]+/g
// The token of an invitation is in the path: the first segment, or a later one if others precede it by mistake.
const invitationPath = /(\/invite\/|\/api\/invitations\/)([^\s"'?#\\]+)/gi
// Below an organization that part is an id, which is shorter.
const invitationToken = /(\/invitations\/)[\w%-]{40,}/gi
/** Everything below the routes of the auth library, which puts tokens into some of its paths. */
const authPath = /(\/api\/auth\/)([^\s"'?#\\]+)/gi
/** The words of the library's own paths, such as `request-password-reset`; a token never looks like one. */
const pathWords = /^(?:[a-z]{1,14}(?:-[a-z]{1,14}){0,4}|\*)?$/

/**
 * Masks secrets in queries, cookies and paths, and bearer secrets anywhere, so that a text may be logged.
 * Takes linear time: a stranger chooses the URL.
 */
export function maskSecrets(text: string): string {
  const decoded = decodeUnreserved(text)
  const masked = decoded
    .replace(secretInQuery, '$1[redacted]')
    .replace(bearerSecret, (_found, atStart?: string, inside?: string) => `${atStart ?? inside ?? ''}_[redacted]`)
    .replace(sessionCookie, '$1[redacted]')
    .replace(invitationPath, (_found, before: string, rest: string) => before + maskSegments(rest, 1))
    .replace(invitationToken, '$1[redacted]')
    .replace(authPath, (_found, before: string, rest: string) => before + maskSegments(rest))
  return masked === decoded ? text : masked
}

/** Segments or separators that no route has, and that some programs resolve or join. */
const ambiguousPath = /\/\/|\/\.{1,2}(?:[/;]|$)|\\|%2f|%5c/i

/** Masks secrets in a path. One that may be read as another path keeps only plain words: its token may be anywhere. */
export function maskPath(path: string): string {
  const decoded = decodeUnreserved(path)
  if (!ambiguousPath.test(decoded)) return maskSecrets(path)
  return maskSegments(decoded.replaceAll(/%2f|%5c|\\/gi, '/'))
}

/** Masks the first `hiddenCount` segments, and others that are not plain words. */
function maskSegments(path: string, hiddenCount = 0): string {
  const toShown = (segment: string, index: number) =>
    index >= hiddenCount && (pathWords.test(segment) || /^\.{1,2}$/.test(segment)) ? segment : '[redacted]'
  return path.split('/').map(toShown).join('/')
}

const unreserved = /^[A-Za-z0-9._~-]$/

/** Decodes escapes of unreserved characters, which mean the same in every URL (RFC 3986 section 6.2.2.2). */
export function decodeUnreserved(text: string): string {
  if (!text.includes('%')) return text
  return text.replaceAll(/%([2-7][0-9a-f])/gi, (escape, digits: string) => {
    const character = String.fromCharCode(Number.parseInt(digits, 16))
    return unreserved.test(character) ? character : escape
  })
}
