import { createHash } from 'node:crypto'
import type { BetterAuthOptions, BetterAuthPlugin, DBAdapter } from 'better-auth'
import type { Kysely } from 'kysely'
import type { Platform } from '../../../../platform/platform.ts'
import { recordSecurityEvent, type Recorder } from '../../security-log/index.ts'
import { requestOf, textIn } from '../auth-request.ts'
import { deleteOtherSessions, deleteSessionByToken } from './session-store.ts'

type Adapter = DBAdapter<BetterAuthOptions>
type OpenAdapter = (options: BetterAuthOptions) => Adapter

/** Marks a stored hash. As a token it opens nothing, because it is hashed again. */
const hashPrefix = 'sha256:'

/** The form in which a session's token is stored. The cookie has the token itself, and a signature. */
export function hashSessionToken(token: string): string {
  return hashPrefix + createHash('sha256').update(token).digest('base64url')
}

/** The stored form of a token, or of what the library lists in its place. */
function storedToken(token: string): string {
  return token.startsWith(hashPrefix) ? token : hashSessionToken(token)
}

/**
 * The library's adapter for PostgreSQL, which stores only the hashes of session tokens: a copy of the database opens no
 * session.
 */
export async function hashingAdapter<D>(db: Kysely<D>): Promise<OpenAdapter> {
  const { kyselyAdapter } = await import('@better-auth/kysely-adapter')
  const open = kyselyAdapter(db, { type: 'postgres', transaction: true })
  return (options) => hashTokens(open(options))
}

function hashTokens<A extends object>(adapter: A): A {
  return new Proxy(adapter, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name)
      if (typeof member !== 'function') return member
      if (name === 'transaction') {
        return (work: (tx: Adapter) => Promise<unknown>): unknown =>
          Reflect.apply(member, target, [(tx: Adapter) => work(hashTokens(tx))])
      }
      return (...args: readonly unknown[]): unknown => {
        const [request, ...rest] = args
        if (!isOfSession(request)) return Reflect.apply(member, target, args)
        const { hashed, tokens } = hashRequest(request)
        const result: unknown = Reflect.apply(member, target, [hashed, ...rest])
        return result instanceof Promise ? result.then((found: unknown) => withTokens(found, tokens)) : result
      }
    },
  })
}

/** A request to the adapter, as far as tokens can be in it. */
interface SessionRequest {
  readonly model: 'session'
  readonly where?: readonly object[]
  readonly data?: object
  readonly update?: object
}

function isOfSession(request: unknown): request is SessionRequest {
  return typeof request === 'object' && request !== null && 'model' in request && request.model === 'session'
}

/** The request with hashes in place of tokens, and the token of each hash. */
function hashRequest(request: SessionRequest) {
  const tokens = new Map<string, string>()
  const hash = (token: string) => {
    const hashed = hashSessionToken(token)
    tokens.set(hashed, token)
    return hashed
  }
  const hashField = (fields: object) =>
    'token' in fields && typeof fields.token === 'string' ? { ...fields, token: hash(fields.token) } : fields
  const hashCondition = (condition: object) => {
    if (!('field' in condition && condition.field === 'token' && 'value' in condition)) return condition
    const { value } = condition
    if (typeof value === 'string') return { ...condition, value: hash(value) }
    return Array.isArray(value) ? { ...condition, value: value.map((token) => hash(String(token))) } : condition
  }
  const { where, data, update } = request
  const hashed = {
    ...request,
    ...(where === undefined ? {} : { where: where.map(hashCondition) }),
    ...(data === undefined ? {} : { data: hashField(data) }),
    ...(update === undefined ? {} : { update: hashField(update) }),
  }
  return { hashed, tokens }
}

/** Puts the tokens of the request back into what was found: the library sets the cookie from it. */
function withTokens(found: unknown, tokens: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(found)) return found.map((row) => withTokens(row, tokens))
  if (typeof found !== 'object' || found === null || !('token' in found)) return found
  const token = typeof found.token === 'string' ? tokens.get(found.token) : undefined
  return token === undefined ? found : { ...found, token }
}

const done = { status: true }

/**
 * Answers the library's paths that end other sessions. The library would look them up by tokens from its list, and the
 * list has only their hashes.
 */
export async function endOtherSessions(platform: Recorder & Pick<Platform, 'wake'>): Promise<BetterAuthPlugin> {
  const { createAuthMiddleware, getSessionFromCtx } = await import('better-auth/api')
  const { db, wake } = platform
  const handler = createAuthMiddleware(async (ctx) => {
    const current = await getSessionFromCtx(ctx)
    const given = textIn(ctx.body, 'token')
    // Without a session or a token the library itself refuses.
    if (current === null || (ctx.path === '/revoke-session' && given === undefined)) return undefined
    const { token, id, userId } = current.session
    const report = () =>
      recordSecurityEvent(platform, {
        userId,
        action: 'session.revoked',
        addresses: [],
        request: requestOf(ctx.headers),
      })
    if (given === undefined) {
      const count = await db.transaction().execute((tx) => deleteOtherSessions(tx, userId, id))
      wake.wake('sessions', '*')
      if (count !== undefined && count > 0) await report()
      return done
    }
    const stored = storedToken(given)
    // The library also clears the cookie of the current session.
    if (stored === hashSessionToken(token)) return { context: { body: { token } } }
    const ended = await db.transaction().execute((tx) => deleteSessionByToken(tx, userId, stored))
    if (ended === undefined) return done
    wake.wake('sessions', ended)
    await report()
    return done
  })
  return {
    id: 'end-other-sessions',
    hooks: {
      before: [{ matcher: ({ path }) => path === '/revoke-session' || path === '/revoke-other-sessions', handler }],
    },
  }
}
