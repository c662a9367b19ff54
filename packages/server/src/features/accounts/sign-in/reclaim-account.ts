import type { Tx } from '../../../platform/db/database.ts'
import { hashPassword } from './auth-library.ts'
import { refuseWeakPassword } from './passwords/refuse-weak-password.ts'
import { replaceCredentials } from './reclaim-store.ts'

/**
 * Gives an account to the person who has proved its address, because somebody else may have created it: ends the
 * password, sessions, passkeys, second factor, linked accounts and mailed links, and sets the new password. The address
 * counts as verified afterwards. Only for an account whose address is not confirmed, or was confirmed at `since` or
 * later: returns false for others, and changes nothing. Throws `weak-password`.
 */
export async function reclaimAccount(
  tx: Tx,
  user: { readonly id: string; readonly name: string; readonly email: string; readonly password: string },
  { since, about }: { readonly since: Date; readonly about: readonly string[] },
): Promise<boolean> {
  const { id, name, email, password } = user
  await refuseWeakPassword(password, [email, name, ...about])
  return replaceCredentials(tx, { id, name, passwordHash: await hashPassword(password) }, since)
}
