import type pg from 'pg'

/**
 * Creates the triggers that refuse new rows of a deleted application or organization, on every table with a foreign
 * key to one. Idempotent; runs at each boot, after the migrations and under their lock: a new table needs no edit.
 */
export async function attachTenantGuards(client: pg.ClientBase): Promise<void> {
  const { rows: unguarded } = await client.query<{ table: string; guard: string }>(
    `select distinct child.oid::regclass::text as table, 'refuse_rows_of_deleted_' || parent.relname as guard
     from pg_constraint as reference
     join pg_class as child on child.oid = reference.conrelid
     join pg_class as parent on parent.oid = reference.confrelid
     where reference.contype = 'f' and parent.relnamespace = current_schema()::regnamespace
       and to_regproc('refuse_rows_of_deleted_' || parent.relname) is not null
       and not exists (
         select from pg_trigger
         where tgrelid = child.oid and tgname = 'refuse_rows_of_deleted_' || parent.relname)`,
  )
  for (const { table, guard } of unguarded)
    await client.query(
      `create trigger ${guard} after insert on ${table} referencing new table as inserted
       for each statement execute function ${guard}()`,
    )
}
