import { sql } from 'kysely'
import type { Tx } from '../../../platform/db/database.ts'
import { insertPassword } from './sign-in-store.ts'
import { lockUserAlone } from './user-store.ts'

/**
 * Ends every way into an account and sets its password and name; its address counts as verified. Returns false, and
 * changes nothing, if the address was confirmed before `since`.
 */
export async function replaceCredentials(
  tx: Tx,
  { id, name, passwordHash }: { readonly id: string; readonly name: string; readonly passwordHash: string },
  since: Date,
): Promise<boolean> {
  if (!(await lockUserAlone(tx, id)) || !(await isUnproven(tx, id, since))) return false
  await tx.deleteFrom('sessions').where('user_id', '=', id).execute()
  await tx.deleteFrom('accounts').where('user_id', '=', id).execute()
  await tx.deleteFrom('passkeys').where('user_id', '=', id).execute()
  await tx.deleteFrom('two_factors').where('user_id', '=', id).execute()
  await sql`select end_mailed_links(${id})`.execute(tx)
  await tx
    .updateTable('users')
    .set({ name, image: null, email_verified: true, two_factor_enabled: false, updated_at: sql`now()` })
    .where('id', '=', id)
    .execute()
  // The token proved the address, not a link that anybody could cause.
  await tx.deleteFrom('address_confirmations').where('user_id', '=', id).execute()
  await insertPassword(tx, id, passwordHash)
  return true
}

async function isUnproven(tx: Tx, userId: string, since: Date): Promise<boolean> {
  const { rows } = await sql`
    select from users as u left join address_confirmations as c on c.user_id = u.id
    where u.id = ${userId} and (not u.email_verified or c.confirmed_at >= ${since})`.execute(tx)
  return rows.length > 0
}
