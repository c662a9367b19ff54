import { insertAuditEntry } from '../../../platform/audit/postgres-audit.ts'
import type { Db } from '../../../platform/db/database.ts'
import { OperatorError } from '../../../platform/problems/operator-error.ts'
import { findUserByEmail } from '../sign-in/index.ts'
import { deleteAdministrator, insertAdministrator, lockAdministrators } from './administrator-store.ts'

/** Makes a user an administrator; false if they are one. Throws OperatorError if no user has the address. */
export async function grantByCommand(db: Db, email: string): Promise<boolean> {
  return db.transaction().execute(async (tx) => {
    const userId = await getUserId(tx, email)
    const isNew = await insertAdministrator(tx, { userId, grantedBy: null })
    if (isNew) await insertAuditEntry(tx, entry('administrator.granted', userId))
    return isNew
  })
}

/**
 * Takes the mark from the user with the address, also from the last administrator; false if they have none.
 * Throws OperatorError without such a user.
 */
export async function revokeByCommand(db: Db, email: string): Promise<boolean> {
  return db.transaction().execute(async (tx) => {
    const userId = await getUserId(tx, email)
    if (!(await lockAdministrators(tx)).has(userId)) return false
    await deleteAdministrator(tx, userId)
    await insertAuditEntry(tx, entry('administrator.revoked', userId))
    return true
  })
}

async function getUserId(db: Db, email: string): Promise<string> {
  const user = await findUserByEmail(db, email)
  if (user === undefined) throw new OperatorError(`No user has the e-mail address ${email}.`)
  return user.id
}

function entry(action: string, userId: string) {
  return { action, actor: { kind: 'system', part: 'command' }, scope: undefined, resourceId: userId } as const
}
