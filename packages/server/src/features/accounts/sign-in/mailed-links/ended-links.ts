import type { BetterAuthPlugin } from 'better-auth'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import type { Db } from '../../../../platform/db/database.ts'
import { textIn } from '../auth-request.ts'
import { hasCredentialChangeSince } from '../sign-in-store.ts'

const ChangeOfAddress = Type.Object({ email: Type.String(), updateTo: Type.String(), iat: Type.Number() })

/**
 * Refuses links to a change of address that were mailed before the password or the address last changed. The library
 * signs these links and does not store them, so they cannot be deleted: whoever had the account before could still move
 * it to their own address.
 */
export async function refuseEndedLinks({ db }: { readonly db: Db }): Promise<BetterAuthPlugin> {
  const { APIError, createAuthMiddleware } = await import('better-auth/api')
  const handler = createAuthMiddleware(async ({ query, context }) => {
    const link = readLink(query)
    if (link === undefined) return
    const found = await context.internalAdapter.findUserByEmail(link.email)
    const mailedAt = new Date(link.iat * 1_000)
    if (found !== null && (await hasCredentialChangeSince(db, found.user.id, mailedAt)))
      throw new APIError('UNAUTHORIZED', {
        code: 'LINK_ENDED',
        message: 'The link is from before the last change of the password or the address: request another one',
      })
  })
  return {
    id: 'ended-links',
    hooks: { before: [{ matcher: ({ path }) => path === '/verify-email', handler }] },
  }
}

/** What a link says. Its signature is not checked here: the library does that afterwards. */
function readLink(query: unknown): { readonly email: string; readonly iat: number } | undefined {
  const token = textIn(query, 'token')
  if (token === undefined) return undefined
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
    return Value.Check(ChangeOfAddress, claims) ? claims : undefined
  } catch {
    return undefined
  }
}
