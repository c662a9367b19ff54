import type { Platform } from '../../../platform/platform.ts'
import { problem, type Problem } from '../../../platform/problems/problem.ts'
import { isAllowedAddress } from './email-domain.ts'

/** Why a person gets no account, or an account not the address. */
export type AccountRefusal = 'sign-up-closed' | 'invitation-link-required' | 'email-domain-refused'

/** The text of each refusal, without the last full stop. It never says whether an address has an account. */
export const refusalTexts: Readonly<Record<AccountRefusal, string>> = {
  'sign-up-closed': 'This instance creates no account for this address: ask its administrator, or for an invitation',
  'invitation-link-required':
    'This instance creates accounts only for invited people: open the link of your invitation',
  'email-domain-refused':
    'This instance accepts no addresses of this domain: use another address, or ask for an invitation',
}

/** Who gets an account on this instance. */
export function signUpMode({ SIGN_UP }: Pick<Platform['config'], 'SIGN_UP'>): 'open' | 'invited' | 'off' {
  return SIGN_UP
}

/**
 * Why the address gets no account by a sign-up; undefined if it gets one. An invitation by an organization is enough
 * unless SIGN_UP is `off`. With SIGN_UP=invited it must be the person's own address, because others may know who is
 * invited: `provesAddress` says whether they confirm it, or Google or GitHub has. Does the same work for every address,
 * so that the time tells nothing about it.
 */
export async function refusalOfSignUp(
  { config, clock, db, hooks }: Pick<Platform, 'config' | 'clock' | 'db' | 'hooks'>,
  { email, provesAddress }: { readonly email: string; readonly provesAddress: boolean },
): Promise<AccountRefusal | undefined> {
  const isInvited = await hooks.isInvited(db, email.toLowerCase(), clock.now())
  if (config.SIGN_UP === 'off') return 'sign-up-closed'
  if (config.SIGN_UP === 'invited' && !provesAddress) return 'invitation-link-required'
  if (isInvited) return undefined
  return config.SIGN_UP === 'invited' ? 'sign-up-closed' : refusalOfAddress({ config }, email)
}

/** Why a user cannot change to the address; undefined if they can. */
export function refusalOfAddress({ config }: Pick<Platform, 'config'>, email: string): AccountRefusal | undefined {
  return isAllowedAddress(email, config.SIGN_UP_DOMAINS) ? undefined : 'email-domain-refused'
}

/** The refusal of an accepted invitation that would create an account; undefined if it may. */
export function refusalOfInvited({ config }: Pick<Platform, 'config'>): Problem | undefined {
  return config.SIGN_UP === 'off'
    ? problem('sign-up-closed', { detail: `${refusalTexts['sign-up-closed']}.` })
    : undefined
}
