import { sql, type RawBuilder } from 'kysely'
import type { AppScope, OrgScope } from '../../platform/access/caller.ts'
import type { Db, Tx } from '../../platform/db/database.ts'
import { prepareTenantRole } from '../../platform/db/tenant-role.ts'
import { keptIn } from '../../platform/hooks/postgres-kept.ts'
import { removalFrom } from '../../platform/hooks/postgres-removal.ts'
import type { ListSource } from '../../platform/lists/load-page.ts'
import { countUpTo, plannedRows } from '../../platform/lists/postgres-list.ts'
import type { World } from '../world.ts'

/** A kite of an application, of one of its end-users, or of a user. */
export interface Kite {
  readonly id: string
  readonly name: string
  readonly isLocked: boolean
}

/** The statements that a migration of the noun would contain. */
const migration = `
  create table kites (
    id uuid primary key,
    organization_id uuid not null,
    application_id uuid not null,
    end_user_id uuid,
    user_id text references users (id) on delete set null,
    name text not null,
    is_locked boolean not null,
    foreign key (organization_id, application_id) references applications (organization_id, id) on delete cascade,
    foreign key (application_id, end_user_id) references end_users (application_id, id)
  );
  alter table kites enable row level security;
  create policy of_organization on kites using (organization_id = (select acting_organization()));`

/** Creates the table in the world's database, and grants it to the role of the tenants, as a boot does. */
export async function createKitesTable({ platform }: World): Promise<void> {
  const client = await platform.database.pool.connect()
  try {
    await client.query(migration)
    await prepareTenantRole(client)
  } finally {
    client.release()
  }
}

export async function insertKite(
  tx: Tx,
  scope: AppScope,
  { id, name, isLocked, userId }: Kite & { readonly userId: string | null },
): Promise<void> {
  await sql`
    insert into kites (id, organization_id, application_id, end_user_id, user_id, name, is_locked)
    values (${id}, ${scope.organizationId}, ${scope.applicationId}, ${scope.endUserId}, ${userId}, ${name},
      ${isLocked})`.execute(tx)
}

export async function findKite(db: Db, scope: AppScope, id: string): Promise<Kite | undefined> {
  const { rows } = await sql<Kite>`
    select id, name, is_locked as "isLocked" from kites where id = ${id} and ${isIn(scope)}`.execute(db)
  return rows[0]
}

/** The kites of the scope, newest first. */
export function listKitesOf(db: Db, scope: AppScope): ListSource<Kite, string> {
  return {
    async items(start, limit) {
      const [older, offset] = 'after' in start ? [sql`and id < ${start.after}`, 0] : [sql``, start.offset]
      const { rows } = await sql<Kite>`
        select id, name, is_locked as "isLocked" from kites where ${isIn(scope)} ${older}
        order by id desc limit ${limit} offset ${offset}`.execute(db)
      return rows
    },
    keyOf: ({ id }) => id,
    count: (max) => countUpTo(db, sql`select from kites where ${isIn(scope)} limit ${max}`),
    async estimate() {
      const { rows } = await sql`explain (format json) select from kites where ${isIn(scope)}`.execute(db)
      return plannedRows(rows)
    },
  }
}

/** Deletes the kite; false when there is none. */
export async function removeKite(tx: Tx, scope: AppScope, id: string): Promise<boolean> {
  const { numAffectedRows } = await sql`delete from kites where id = ${id} and ${isIn(scope)}`.execute(tx)
  return numAffectedRows === 1n
}

/** A row for each kite of the application. */
export function kitesOf(applicationId: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`select from kites where application_id = ${applicationId}`
}

/** A row for each locked kite of the application. */
export function lockedKitesOf(applicationId: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`select from kites where application_id = ${applicationId} and is_locked`
}

/** Removes kites of a deleted application. */
export const removeKites = removalFrom('kites', 'application_id')

/** Deletes the kites of the end-user; returns how many there were. */
export async function deleteKitesOf(tx: Tx, whose: AppScope): Promise<number> {
  const { numAffectedRows } = await sql`delete from kites where ${isIn(whose)}`.execute(tx)
  return Number(numAffectedRows ?? 0n)
}

/** Deletes the kites that the user owns in the organization. */
export async function deleteKitesOfUser(tx: Tx, { organizationId }: OrgScope, userId: string): Promise<void> {
  await sql`delete from kites where organization_id = ${organizationId} and user_id = ${userId}`.execute(tx)
}

function isIn({ organizationId, applicationId, endUserId }: AppScope): RawBuilder<unknown> {
  const isTheirs = endUserId === null ? sql`true` : sql`end_user_id = ${endUserId}`
  return sql`(organization_id = ${organizationId} and application_id = ${applicationId} and ${isTheirs})`
}

/** Whether the kite with this stored id is still there. */
export const isKiteKept = keptIn('kites')
