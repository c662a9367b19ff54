import { sql } from 'kysely'
import type { Db, Tx } from '../../../platform/db/database.ts'
import type { RemovalStatement } from '../../../platform/hooks/hooks.ts'
import type { Reference } from './removal-order.ts'

/** The foreign keys between the tables of the schema. */
export async function loadReferences(db: Db): Promise<Reference[]> {
  const { rows } = await sql<Reference>`
    select distinct child.relname as child, parent.relname as parent
    from pg_constraint
    join pg_class as child on child.oid = conrelid
    join pg_class as parent on parent.oid = confrelid
    where contype = 'f' and child.relnamespace = current_schema()::regnamespace`.execute(db)
  return rows
}

/** Deletes at most `limit` rows with a feature's statement; returns how many. */
export async function removeRows(
  tx: Tx,
  statement: RemovalStatement,
  { containerId, limit }: { readonly containerId: string; readonly limit: number },
): Promise<number> {
  // A table that mostly holds rows of one container would be scanned from its start in each batch, over all rows that
  // earlier batches have deleted. An index scan skips them.
  await sql`set local enable_seqscan = off`.execute(tx)
  const { numAffectedRows } = await statement(containerId, limit).execute(tx)
  return Number(numAffectedRows ?? 0n)
}
