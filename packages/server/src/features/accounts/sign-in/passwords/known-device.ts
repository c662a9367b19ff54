import { randomBytes } from 'node:crypto'
import type { GenericEndpointContext } from 'better-auth'
import type { Db } from '../../../../platform/db/database.ts'
import { hasCredentialChangeSince } from '../sign-in-store.ts'

const cookieName = 'known_device'
const lifeSeconds = 180 * 86_400

/** A browser that has sent the right password of an account before. */
export interface KnownDevice {
  readonly nonce: string
  readonly issuedAtMs: number
}

type DeviceContext = Pick<GenericEndpointContext, 'context' | 'getSignedCookie' | 'setSignedCookie'>

/**
 * The device whose cookie was issued for this account after its password or address last changed: whoever knew the
 * former password may hold many cookies of that time.
 */
export async function findKnownDevice(
  db: Db,
  ctx: DeviceContext,
  { account, email }: { readonly account: string; readonly email: string },
): Promise<KnownDevice | undefined> {
  const cookie = ctx.context.createAuthCookie(cookieName)
  const value = await ctx.getSignedCookie(cookie.name, ctx.context.secret)
  const [of, nonce, issued] = typeof value === 'string' ? value.split('.') : []
  if (of !== account || nonce === undefined || !/^[0-9]{1,15}$/.test(issued ?? '')) return undefined
  // Reached only with the account's own cookie, so the time that this takes tells nothing about other addresses.
  const found = await ctx.context.internalAdapter.findUserByEmail(email)
  const issuedAtMs = Number(issued)
  if (found === null || issuedAtMs + lifeSeconds * 1000 < Date.now()) return undefined
  return (await hasCredentialChangeSince(db, found.user.id, new Date(issuedAtMs))) ? undefined : { nonce, issuedAtMs }
}

/** Marks the browser as one that knows the account's password. */
export async function issueDeviceCookie(
  ctx: DeviceContext,
  account: string,
  known: KnownDevice | undefined,
): Promise<void> {
  const { name, attributes } = ctx.context.createAuthCookie(cookieName, { maxAge: lifeSeconds })
  const nonce = known?.nonce ?? randomBytes(16).toString('hex')
  await ctx.setSignedCookie(name, `${account}.${nonce}.${Date.now()}`, ctx.context.secret, attributes)
}
