import { pino, type DestinationStream, type Logger } from 'pino'

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
export function createLog(level: string, destination: DestinationStream = pino.destination(1)): Log {
  const options = { level, base: null, redact: { paths: secretPaths, censor: '[redacted]' } }
  // Mask the whole line: an error's message or stack can quote a URL or a header without a field name.
  return pino(options, { write: (line) => destination.write(maskSecrets(line)) })
}

const secretInQuery = /([?&](?:token|access_token|key|code|state)=)[^&#\s"'\\]*/gi
// A whole key is also found inside a word; its beginning only at the start of a word, as in `ask_` but not in `task_`.
const bearerSecret = /\bask_[A-Za-z0-9_-]{8,}|ask_[A-Za-z0-9_-]{32,}/g
const sessionCookie = /(session_(?:token|data)=)[^;\s"'\\]+/g
// The token of an invitation is in the path; ids there are shorter.
const secretInPath = /(\/(?:invite|invitations)\/)[\w%-]{40,}/g

/** Masks secrets in queries, cookies and invitation links, and API keys anywhere, so that a text may be logged. */
export function maskSecrets(text: string): string {
  return text
    .replace(secretInQuery, '$1[redacted]')
    .replace(bearerSecret, 'ask_[redacted]')
    .replace(sessionCookie, '$1[redacted]')
    .replace(secretInPath, '$1[redacted]')
}
