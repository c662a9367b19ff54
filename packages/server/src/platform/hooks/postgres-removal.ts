import { sql, type RawBuilder } from 'kysely'
import type { RemovalStatement } from './hooks.ts'

/**
 * Deletes rows of the table by the column that refers to their container. If it refers to something inside the
 * container, such as to the package of an organization, `parentsOf` selects the `id` of each of these things.
 * Callers pass the table as a literal, because the test of the tables' owners reads it from there.
 */
export function removalFrom(
  table: string,
  column: string,
  parentsOf?: (containerId: string) => RawBuilder<unknown>,
): RemovalStatement {
  const [rows, owner] = [sql.id(table), sql.id(column)]
  const found: RemovalStatement =
    parentsOf === undefined
      ? (containerId, limit) => sql`select ctid from ${rows} where ${owner} = ${containerId} limit ${limit}`
      : (containerId, limit) => sql`
        select child.ctid from (${parentsOf(containerId)}) as parent
        cross join lateral (select ctid from ${rows} where ${owner} = parent.id limit ${limit}) as child
        limit ${limit}`
  return (containerId, limit) => sql`delete from ${rows} where ctid = any(array(${found(containerId, limit)}))`
}
