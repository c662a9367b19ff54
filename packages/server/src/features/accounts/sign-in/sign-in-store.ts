import type { Tx } from '../../../platform/db/database.ts'
import { newUuid, newWireId } from '../../../platform/ids/id.ts'

export interface NewUser {
  readonly name: string
  readonly email: string
  readonly passwordHash: string
}

/** Inserts a user who can sign in with a password, in the form that the auth library reads; returns their id. */
export async function insertUser(tx: Tx, { name, email, passwordHash }: NewUser): Promise<string> {
  const id = newWireId('usr')
  await tx.insertInto('users').values({ id, name, email: email.toLowerCase(), email_verified: true }).execute()
  await tx
    .insertInto('accounts')
    .values({ id: `account_${newUuid().replaceAll('-', '')}`, user_id: id, account_id: id, provider_id: 'credential', password: passwordHash })
    .execute()
  return id
}
