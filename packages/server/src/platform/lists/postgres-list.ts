import { sql, type RawBuilder, type SelectQueryBuilder, type SqlBool } from 'kysely'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import type { Db } from '../db/database.ts'
import { loadPage, type ListSource, type Page, type Slice, type Start } from './load-page.ts'

/** The order of a list: the columns that make up its key, all ascending or all descending. */
export interface ListOrder<Key> {
  /** As both statements of the list name them, such as `m.id`. */
  readonly columns: readonly string[]
  readonly direction: 'asc' | 'desc'
  /** The values of the columns for a key. */
  valuesOf(key: Key): readonly unknown[]
}

/** A list that is read from the database by statements with the same conditions. */
interface TableList<D, T extends keyof D, Row, E, U extends keyof E, Key> {
  /** Selects the rows with what is shown of them, in no order. */
  readonly rows: SelectQueryBuilder<D, T, Row>
  /** Selects nothing from the same rows, without the joins that only add columns. */
  readonly matching: SelectQueryBuilder<E, U, object>
  readonly order: ListOrder<Key>
  readonly keyOf: (row: Row) => Key
}

/** A page of rows, newest first by a column with stored UUIDs: `id`, unless `idColumn` names another. */
export function loadNewest<D, T extends keyof D, Row extends { readonly id: string }, E, U extends keyof E>(
  db: Db,
  about: Pick<TableList<D, T, Row, E, U, string>, 'rows' | 'matching'> & { readonly idColumn?: string },
  page: Page,
): Promise<Slice<Row>> {
  const order = { columns: [about.idColumn ?? 'id'], direction: 'desc', valuesOf: (id: string) => [id] } as const
  const { rows, matching } = about
  return loadPage(tableList(db, { rows, matching, order, keyOf: ({ id }) => id }), page)
}

/** The list of a statement's rows. A page by number skips keys, not rows. */
export function tableList<D, T extends keyof D, Row, E, U extends keyof E, Key>(
  db: Db,
  { rows, matching, order, keyOf }: TableList<D, T, Row, E, U, Key>,
): ListSource<Row, Key> {
  const columns = order.columns.map((column) => sql.ref(column))
  const direction = sql.raw(order.direction)
  const orderBy = sql.join(columns.map((column) => sql`${column} ${direction}`))
  const start = (from: Start<Key>): RawBuilder<SqlBool> => {
    if ('after' in from) {
      const values = sql.join(order.valuesOf(from.after).map((value) => sql`${value}`))
      return sql<SqlBool>`(${sql.join(columns)}) ${sql.raw(order.direction === 'desc' ? '<' : '>')} (${values})`
    }
    // Each column is looked up alone, because only a row of plain values can be searched in an index.
    const keys = columns.map((column) => {
      const skipping = matching.select(column.as('key')).orderBy(orderBy).limit(1).offset(from.offset)
      return sql`${skipping}`
    })
    return sql<SqlBool>`(${sql.join(columns)}) ${sql.raw(order.direction === 'desc' ? '<=' : '>=')} (${sql.join(keys)})`
  }
  return {
    items(from, limit) {
      const ordered = rows.orderBy(orderBy).limit(limit)
      return ('offset' in from && from.offset === 0 ? ordered : ordered.where(start(from))).execute()
    },
    keyOf,
    // In the list's order, because without one PostgreSQL may read other tenants' rows of the table.
    count: (max) => countUpTo(db, sql`${matching.select(sql`1`.as('one')).orderBy(orderBy).limit(max)}`),
    estimate: async () => plannedRows(await matching.select(sql`1`.as('one')).explain('json')),
  }
}

/** Counts the rows of a select that has a limit. */
export async function countUpTo(db: Db, select: RawBuilder<unknown>): Promise<number> {
  const { rows } = await sql<{ items: number }>`select count(*) as items from (${select}) as matching`.execute(db)
  return rows[0]?.items ?? 0
}

const Plans = Type.Array(
  Type.Object({ 'QUERY PLAN': Type.Array(Type.Object({ Plan: Type.Object({ 'Plan Rows': Type.Number() }) })) }),
)

/** How many rows the planner expects of an `explain (format json)`. */
export function plannedRows(explained: readonly unknown[]): number {
  const [row] = Value.Parse(Plans, explained)
  return row?.['QUERY PLAN'][0]?.Plan['Plan Rows'] ?? 0
}
