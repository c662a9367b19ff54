import { sql } from 'kysely'
import type { Db } from '../../../platform/db/database.ts'

/** Time after a worker's last heartbeat until others may claim its runs. */
const leaseMs = 5_000

/** Extends the worker's lease, which is the lease of all its runs. */
export async function extendLease(db: Db, workerId: string): Promise<void> {
  await sql`
    insert into workers (id, expires_at) values (${workerId}, now() + ${leaseMs} * interval '1 ms')
    on conflict (id) do update set expires_at = excluded.expires_at`.execute(db)
}

/** Ends the worker's lease, so that others can claim its runs at once. */
export async function endLease(db: Db, workerId: string): Promise<void> {
  await db.updateTable('workers').set({ expires_at: sql<Date>`now()` }).where('id', '=', workerId).execute()
}

/** Ends every lease. Only for a database that no other process uses: the holders have exited. */
export async function endAllLeases(db: Db): Promise<void> {
  await db.updateTable('workers').set({ expires_at: sql<Date>`now()` }).execute()
}

/** Deletes workers whose lease ended and that hold no run. */
export async function deleteDeadWorkers(db: Db): Promise<void> {
  await sql`
    delete from workers w where w.expires_at < now() - interval '1 minute'
      and not exists (select from runs r where r.worker_id = w.id and r.status = 'running')`.execute(db)
}
