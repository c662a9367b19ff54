import { optionalText } from '../../../platform/config/variables.ts'
import { feature } from '../../../platform/http/feature.ts'
import type { Tx } from '../../../platform/db/database.ts'
import type { Platform } from '../../../platform/platform.ts'
import { authLibrary, hashPassword } from './auth-library.ts'
import { deleteExpiredSessions } from './delete-expired-sessions.job.ts'
import { getSession } from './get-session.ts'
import { relayAuthGet } from './relay-auth-get.ts'
import { relayAuthPost } from './relay-auth-post.ts'
import { signInEmail } from './sign-in-email.ts'
import { refuseWeakPassword } from './passwords/refuse-weak-password.ts'
import { insertUser } from './sign-in-store.ts'
import { signOut } from './sign-out.ts'
import { signUpEmail } from './sign-up-email.ts'

export { findSessionUser } from './auth-library.ts'
export { addUser, issuePasswordLink } from './password-link.ts'
export { openSession } from './open-session.ts'
export { reclaimAccount } from './reclaim-account.ts'
export {
  deleteOtherSessions,
  deleteSessions,
  deleteSession,
  findOpenSessions,
  loadSessions,
  type Session,
} from './sessions/session-store.ts'
export {
  everyUser,
  findUser,
  findUserByEmail,
  hasUsers,
  lockUser,
  lockUserAlone,
  saveUser,
  userAddresses,
  userExists,
  userNames,
  type User,
} from './user-store.ts'

/** Refusals of the auth library; each carries its `code` and `message` as extension members. */
const problems = {
  'auth-request-refused': { status: 400, title: 'Authentication Request Refused' },
  'sign-in-failed': { status: 401, title: 'Sign-In Failed' },
  'sign-in-refused': { status: 403, title: 'Sign-In Refused' },
  'too-many-wrong-codes': { status: 429, title: 'Too Many Wrong Codes' },
  'too-many-wrong-passwords': { status: 429, title: 'Too Many Wrong Passwords' },
  'weak-password': { status: 400, title: 'Weak Password' },
  'sign-up-refused': { status: 422, title: 'Sign-Up Refused' },
} as const
const idPrefixes = { usr: 'A user.', ses: 'A session.' } as const
const wakes = { sessions: 'A session ended.' } as const
const variables = {
  GOOGLE_CLIENT_ID: {
    ...optionalText('Sign-in with Google; needs the secret too.'),
    togetherWith: 'GOOGLE_CLIENT_SECRET',
  },
  GOOGLE_CLIENT_SECRET: optionalText('Sign-in with Google; needs the id too.', 'secret'),
  GITHUB_CLIENT_ID: {
    ...optionalText('Sign-in with GitHub; needs the secret too.'),
    togetherWith: 'GITHUB_CLIENT_SECRET',
  },
  GITHUB_CLIENT_SECRET: optionalText('Sign-in with GitHub; needs the id too.', 'secret'),
} as const

declare module '../../../platform/vocabulary/vocabulary.ts' {
  interface ProblemCatalogue extends Readonly<typeof problems> {}
  interface IdPrefixes extends Readonly<typeof idPrefixes> {}
  interface WakeTopics extends Readonly<typeof wakes> {}
  interface ConfigVariables extends Readonly<typeof variables> {}
}

export const signInFeature = feature({
  folder: 'accounts/sign-in',
  tag: 'Auth',
  description: 'Users and their sessions.',
  problems,
  idPrefixes,
  wakes,
  variables,
  endpoints: { signUpEmail, signInEmail, signOut, getSession, relayAuthGet, relayAuthPost },
  jobs: [deleteExpiredSessions],
  owns: [
    'users',
    'sessions',
    'accounts',
    'verifications',
    'two_factors',
    'passkeys',
    'password_attempts',
    'credential_changes',
    'address_confirmations',
  ],
})

/** The ways to sign in that this instance offers. */
export function signInMethods(
  config: Pick<Platform['config'], 'GOOGLE_CLIENT_ID' | 'GITHUB_CLIENT_ID'>,
): ('password' | 'passkey' | 'google' | 'github')[] {
  return [
    'password',
    'passkey',
    ...(config.GOOGLE_CLIENT_ID === undefined ? [] : (['google'] as const)),
    ...(config.GITHUB_CLIENT_ID === undefined ? [] : (['github'] as const)),
  ]
}

/** Loads the auth library after the server has started to listen: the first sign-in does not wait for it. */
export function warmSignIn(platform: Pick<Platform, 'use'>): Promise<void> {
  return platform.use(authLibrary).warm()
}

/**
 * Creates a user with a password, without a sign-up; returns their id, or undefined if a user has the address.
 * By default the address counts as verified. Throws `weak-password`, also for a password made of the texts `about`
 * the user.
 */
export async function registerUser(
  tx: Tx,
  user: { readonly name: string; readonly email: string; readonly password: string; readonly emailVerified?: boolean },
  about: readonly string[] = [],
): Promise<string | undefined> {
  const { password, ...fields } = user
  await refuseWeakPassword(password, [user.email, user.name, ...about])
  return insertUser(tx, { ...fields, passwordHash: await hashPassword(password) })
}
