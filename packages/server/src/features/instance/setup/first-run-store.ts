import type { Db } from '../../../platform/db/database.ts'

/** True as long as the instance has no user and no organization. */
export async function isEmptyInstance(db: Db): Promise<boolean> {
  const user = await db.selectFrom('users').select('id').limit(1).executeTakeFirst()
  const organization = await db.selectFrom('organizations').select('id').limit(1).executeTakeFirst()
  return user === undefined && organization === undefined
}

/** Changes the base URL of the scripted model's provider keys. */
export async function moveScriptedModel(db: Db, from: string, to: string): Promise<void> {
  await db.updateTable('provider_keys').set({ base_url: to }).where('base_url', '=', from).execute()
}
