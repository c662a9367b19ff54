import { feature } from '../../../platform/http/feature.ts'
import type { Tx } from '../../../platform/db/database.ts'
import type { Platform } from '../../../platform/platform.ts'
import { authLibrary, hashPassword } from './auth-library.ts'
import { getSession } from './get-session.ts'
import './problems.ts'
import { relayAuthGet } from './relay-auth-get.ts'
import { relayAuthPost } from './relay-auth-post.ts'
import { signInEmail } from './sign-in-email.ts'
import { insertUser } from './sign-in-store.ts'
import { signOut } from './sign-out.ts'
import { signUpEmail } from './sign-up-email.ts'

export { findSessionUser } from './auth-library.ts'

export const signInFeature = feature({
  folder: 'accounts/sign-in',
  tag: 'Auth',
  description: 'Users and their sessions.',
  endpoints: { signUpEmail, signInEmail, signOut, getSession, relayAuthGet, relayAuthPost },
})

/** Loads the auth library, so that the first sign-in does not wait a third of a second for it. To be called once the server listens. */
export function warmSignIn(platform: Platform): Promise<void> {
  return platform.use(authLibrary).warm()
}

/** Creates a user with a verified address and a password, without a sign-up; returns their id. */
export async function registerUser(tx: Tx, user: { readonly name: string; readonly email: string; readonly password: string }): Promise<string> {
  const { name, email, password } = user
  return insertUser(tx, { name, email, passwordHash: await hashPassword(password) })
}
